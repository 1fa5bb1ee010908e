//go:build tools

// Package etcd names the programs that are built, so that go.mod holds all they need.
package etcd

import (
	_ "go.etcd.io/etcd/server/v3"
)
