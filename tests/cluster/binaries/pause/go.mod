module soban.dev/cluster/pause

go 1.25.0
