//go:build tools

// Package pause names the program that is built.
package pause

import (
	_ "soban.dev/cluster/pause/pause"
)
