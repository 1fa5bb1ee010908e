"""Where the replicas of a model are: addresses from a file, from DNS, or from the Kubernetes API."""
