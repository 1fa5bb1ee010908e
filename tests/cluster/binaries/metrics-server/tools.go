//go:build tools

// Package metricsserver names the programs that are built, so that go.mod holds all they need.
package metricsserver

import (
	_ "sigs.k8s.io/metrics-server/cmd/metrics-server"
)
