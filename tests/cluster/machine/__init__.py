"""This machine as a cluster: control plane, two nodes, network, and what Kubernetes leaves to others."""
