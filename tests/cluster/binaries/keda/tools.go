//go:build tools

// Package keda names the programs that are built, so that go.mod holds all they need.
package keda

import (
	_ "github.com/kedacore/keda/v2/cmd/operator"
	_ "github.com/kedacore/keda/v2/cmd/adapter"
)
