"""KEDA's contract with external scalers, generated from `protos/soban/scaler/keda`: `from soban.scaler import keda`."""

from soban.scaler.keda.externalscaler_pb2 import *
from soban.scaler.keda.externalscaler_pb2_grpc import *
