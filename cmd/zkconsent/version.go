package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Say which version this is",
		RunE: func(*cobra.Command, []string) error {
			v := map[string]string{"protocol": "1", "go": runtime.Version(), "module": "(devel)"}
			if info, ok := debug.ReadBuildInfo(); ok {
				v["module"] = info.Main.Version
				for _, d := range info.Deps {
					if d.Path == "github.com/consensys/gnark" {
						v["gnark"] = d.Version
					}
				}
			}
			return a.emit(v, func(w io.Writer) {
				fmt.Fprintf(w, "zkconsent %s, protocol %s, gnark %s, %s\n", v["module"], v["protocol"], v["gnark"], v["go"])
			})
		},
	}
}

// version is this program's version.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
