//go:build tools

// Package helm names the programs that are built, so that go.mod holds all they need.
package helm

import (
	_ "helm.sh/helm/v4/cmd/helm"
)
