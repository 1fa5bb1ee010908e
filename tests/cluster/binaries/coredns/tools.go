//go:build tools

// Package coredns names the programs that are built, so that go.mod holds all they need.
package coredns

import (
	_ "github.com/coredns/coredns"
)
