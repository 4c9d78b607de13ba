// Command peer is a go-libp2p chat node driven by JSON lines on standard input and output, for p2pd's interoperation
// tests and its benchmarks. benchmarks/peer.py has the protocol. The end of standard input ends it.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

const maxLine = 16 << 20

type listenFlags []string

func (f *listenFlags) String() string { return strings.Join(*f, " ") }

func (f *listenFlags) Set(value string) error {
	*f = append(*f, value)
	return nil
}

func main() {
	var listen listenFlags
	keyFile := flag.String("key", "", "file of a libp2p PrivateKey protobuf; made when absent")
	agent := flag.String("agent", "p2pd-peer/go-libp2p", "agent version told to others")
	flag.Var(&listen, "listen", "multiaddr to listen at; can be repeated")
	flag.Parse()
	if len(listen) == 0 {
		listen = listenFlags{"/ip4/127.0.0.1/tcp/0"}
	}
	if err := run(*keyFile, *agent, listen); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func run(keyFile, agent string, listen []string) error {
	n, err := openNode(keyFile, agent, listen)
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(answer{
		"event":          "ready",
		"implementation": "go-libp2p",
		"version":        moduleVersion("github.com/libp2p/go-libp2p"),
		"pubsub_version": moduleVersion("github.com/libp2p/go-libp2p-pubsub"),
		"pid":            os.Getpid(),
		"peer_id":        n.host.ID(),
		"addr":           n.addrs[0],
		"addrs":          n.addrs,
		"acks":           n.bench.port(),
	}); err != nil {
		return err
	}
	return serve(n, out)
}

// serve answers one request after the other. The end of standard input does not wait for the one under way.
func serve(n *node, out *json.Encoder) error {
	lines := make(chan []byte)
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, maxLine)
	go func() {
		for line := range lines {
			if err := out.Encode(n.answer(line)); err != nil {
				os.Exit(1)
			}
		}
	}()
	for input.Scan() {
		lines <- append([]byte(nil), input.Bytes()...)
	}
	return input.Err()
}

func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == path {
				return strings.TrimPrefix(module.Version, "v")
			}
		}
	}
	return "unknown"
}
