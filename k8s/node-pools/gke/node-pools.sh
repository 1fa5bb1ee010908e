#!/bin/sh
# Node pools on GKE with its own autoscaler, all from zero nodes: CLUSTER=my-cluster LOCATION=asia-northeast3-b ./node-pools.sh
# GKE installs driver and device plugin itself (gpu-driver-version). It gives GPU nodes the taint nvidia.com/gpu=present:NoSchedule.
set -eu
: "${CLUSTER:?name of the cluster}" "${LOCATION:?zone of the cluster that has the GPUs}"

pool() { # NAME MACHINE MOST LABELS [FLAGS]
    name=$1 machine=$2 most=$3 labels=$4
    shift 4
    gcloud container node-pools create "$name" --cluster "$CLUSTER" --location "$LOCATION" --machine-type "$machine" \
        --enable-autoscaling --num-nodes 0 --min-nodes 0 --max-nodes "$most" --disk-type pd-balanced --disk-size 200 \
        --enable-image-streaming --node-labels "$labels" "$@"
}

gpu() { # PROFILE MACHINE MOST PRODUCT ACCELERATOR COUNT
    pool "soban-$1" "$2" "$3" "nvidia.com/gpu.product=$4,soban.dev/resource-profile=$1" \
        --accelerator "type=$5,count=$6,gpu-driver-version=latest" --node-taints nvidia.com/gpu=present:NoSchedule
}

pool soban-cpu c3-standard-22 8 soban.dev/resource-profile=cpu-16
gpu nvidia-l4 g2-standard-8 8 NVIDIA-L4 nvidia-l4 1
gpu nvidia-a100 a2-ultragpu-1g 4 NVIDIA-A100-SXM4-80GB nvidia-a100-80gb 1
gpu nvidia-h100 a3-highgpu-1g 4 NVIDIA-H100-80GB-HBM3 nvidia-h100-80gb 1
