// Manifests of resource definitions that travel in Go modules; nothing of them is compiled.
module soban.dev/cluster/crds

go 1.26.0

require (
	github.com/aws/karpenter-provider-aws v1.13.0
	github.com/prometheus-operator/prometheus-operator v0.85.0
	sigs.k8s.io/gateway-api v1.6.3
)
