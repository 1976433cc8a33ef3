// Command daprd is Dapr's own, built from its module because it is in no package registry.
package main

import "github.com/dapr/dapr/cmd/daprd/app"

func main() { app.Run() }
