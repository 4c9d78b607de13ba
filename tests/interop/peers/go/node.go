package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
	ma "github.com/multiformats/go-multiaddr"
)

// queueSize replaces go-libp2p-pubsub's queues of 32, at the outbound, validation and subscription ends, all of which
// drop what does not fit: the benchmarks measure speed, not loss.
const queueSize = 4096

// node is the libp2p host with everything the commands talk about.
type node struct {
	host   host.Host
	addrs  []string // with /p2p/, in the order of the listeners
	pubsub *pubsub.PubSub
	meshes *meshes
	bench  *bench
	dms    *directMessages
	chats  *chats

	mu    sync.Mutex
	rooms map[string]*room
}

func openNode(keyFile, agent string, listen []string) (*node, error) {
	key, err := loadKey(keyFile)
	if err != nil {
		return nil, err
	}
	h, err := libp2p.New(
		libp2p.Identity(key),
		libp2p.UserAgent(agent),
		libp2p.NoListenAddrs, // listenAt does, in order
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(websocket.New),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
	)
	if err != nil {
		return nil, err
	}
	n := &node{host: h, meshes: newMeshes(), rooms: map[string]*room{}}
	n.dms = serveDirectMessages(h, agent)
	n.chats = serveChats(h)
	serveStreams(h)
	if n.bench, err = openBench(); err != nil {
		return nil, err
	}
	if n.pubsub, err = openPubsub(h, n.meshes); err != nil {
		return nil, err
	}
	for _, addr := range listen {
		if err := n.listenAt(addr); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func openPubsub(h host.Host, tracer pubsub.RawTracer) (*pubsub.PubSub, error) {
	params := pubsub.DefaultGossipSubParams()
	params.Dlo = 4
	return pubsub.NewGossipSub(context.Background(), h,
		pubsub.WithMessageSignaturePolicy(pubsub.StrictSign),
		pubsub.WithGossipSubParams(params),
		pubsub.WithPeerOutboundQueueSize(queueSize),
		pubsub.WithValidateQueueSize(queueSize),
		pubsub.WithRawTracer(tracer),
	)
}

// listenAt adds a listener and its addresses, which the swarm gives in no order.
func (n *node) listenAt(addr string) error {
	at, err := ma.NewMultiaddr(addr)
	if err != nil {
		return err
	}
	if err := n.host.Network().Listen(at); err != nil {
		return err
	}
	all, err := n.host.Network().InterfaceListenAddresses()
	if err != nil {
		return err
	}
	for _, found := range all {
		full := found.String() + "/p2p/" + n.host.ID().String()
		if !slices.Contains(n.addrs, full) {
			n.addrs = append(n.addrs, full)
		}
	}
	return nil
}

// loadKey reads the key file, or makes one. Without a path the key is new and kept nowhere.
func loadKey(path string) (crypto.PrivKey, error) {
	if path != "" {
		raw, err := os.ReadFile(path)
		if err == nil {
			return crypto.UnmarshalPrivateKey(raw)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil || path == "" {
		return key, err
	}
	raw, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, os.WriteFile(path, raw, 0o600)
}
