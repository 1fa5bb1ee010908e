"""The contract of Soban: every message, stub and servicer of `soban.v1`, generated from `protos/`.

import soban.v1 as pb
message = pb.Message(role=pb.ROLE_USER, parts=[pb.ContentPart(text="안녕")])
pb.ChatRequest(model="soban-demo", messages=[message])
"""

from soban.v1.chat_pb2 import *
from soban.v1.chat_pb2_grpc import *
from soban.v1.common_pb2 import *
from soban.v1.generation_pb2 import *
from soban.v1.generation_pb2_grpc import *
from soban.v1.safety_pb2 import *
from soban.v1.safety_pb2_grpc import *
from soban.v1.tokenization_pb2 import *
from soban.v1.tokenization_pb2_grpc import *
