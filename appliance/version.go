package appliance

import "runtime/debug"

// VersionInfo names the build.
type VersionInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

// version is set at build time by packaging (-ldflags -X); the rest comes from the binary itself.
var version = "development"

// Version tells which build this is.
func Version() VersionInfo {
	v := VersionInfo{Version: version, Commit: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Go = info.GoVersion
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			v.Commit = s.Value
		}
	}
	return v
}
