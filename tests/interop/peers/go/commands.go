package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

const (
	patience  = 10 * time.Second
	lookAgain = 5 * time.Millisecond
)

// request has the arguments of all commands.
type request struct {
	N       int     `json:"n"`
	Command string  `json:"command"`
	Addr    string  `json:"addr"`
	PeerID  peer.ID `json:"peer_id"`
	Room    string  `json:"room"`
	Topic   string  `json:"topic"`
	Text    string  `json:"text"`
	Nick    string  `json:"nick"`
	Kind    string  `json:"kind"`
	Data    []byte  `json:"data"` // base64
	Port    int     `json:"port"`
	Every   int     `json:"every"`
	Size    int     `json:"size"`
	Window  int     `json:"window"`
	Senders int     `json:"senders"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"`
}

type answer map[string]any

var commands = map[string]func(*node, request) (answer, error){
	"connect":    (*node).connect,
	"disconnect": (*node).disconnect,
	"peers":      (*node).peers,
	"identify":   (*node).identify,
	"ping":       (*node).ping,

	"join":     (*node).joinRoom,
	"leave":    (*node).leaveRoom,
	"members":  (*node).members,
	"mesh":     (*node).mesh,
	"publish":  (*node).publish,
	"received": (*node).received,

	"watch": func(n *node, r request) (answer, error) { return n.bench.watch(r) },
	"seen":  func(n *node, _ request) (answer, error) { return n.bench.seen() },
	"flood": (*node).flood,
	"pace":  (*node).pace,
	"echo":  (*node).echo,
	"bulk":  (*node).bulk,

	"announce":        (*node).announce,
	"discovered":      (*node).discovered,
	"dm":              (*node).dm,
	"dms":             func(n *node, _ request) (answer, error) { return n.dms.list() },
	"chat_open":       (*node).chatOpen,
	"chat_say":        func(n *node, r request) (answer, error) { return n.chats.say(r) },
	"chat_lines":      func(n *node, _ request) (answer, error) { return n.chats.list() },
	"chat_room_say":   (*node).chatRoomSay,
	"chat_room_lines": (*node).chatRoomLines,
	"decode":          func(_ *node, r request) (answer, error) { return decode(r.Kind, r.Data) },
}

func (n *node) answer(line []byte) answer {
	var asked request
	err := json.Unmarshal(line, &asked)
	var found answer
	if command, known := commands[asked.Command]; err == nil && known {
		found, err = command(n, asked)
	} else if err == nil {
		err = fmt.Errorf("no such command: %s", asked.Command)
	}
	if err != nil {
		return answer{"n": asked.N, "ok": false, "error": err.Error()}
	}
	if found == nil {
		found = answer{}
	}
	found["n"], found["ok"] = asked.N, true
	return found
}

func patient() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// connect times the connection alone: host.Connect would wait for identify as well.
func (n *node) connect(r request) (answer, error) {
	info, err := peer.AddrInfoFromString(r.Addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := patient()
	defer cancel()
	before := time.Now()
	n.host.Peerstore().AddAddrs(info.ID, info.Addrs, peerstore.TempAddrTTL)
	if _, err := n.host.Network().DialPeer(ctx, info.ID); err != nil {
		return nil, err
	}
	return answer{"ms": milliseconds(time.Since(before)), "peer_id": info.ID}, nil
}

func (n *node) disconnect(r request) (answer, error) {
	return nil, n.host.Network().ClosePeer(r.PeerID)
}

func (n *node) peers(request) (answer, error) {
	return answer{"peers": list(n.host.Network().Peers())}, nil
}

// identify waits for what the peer has told of itself: it is asked as soon as it connects.
func (n *node) identify(r request) (answer, error) {
	store := n.host.Peerstore()
	deadline := time.Now().Add(patience)
	for {
		if n.host.Network().Connectedness(r.PeerID) != network.Connected {
			return nil, fmt.Errorf("not connected to %s", r.PeerID)
		}
		agent, err := store.Get(r.PeerID, "AgentVersion")
		if err == nil {
			protocols, err := store.GetProtocols(r.PeerID)
			return answer{"agent": agent, "protocols": list(protocols), "addrs": list(store.Addrs(r.PeerID))}, err
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("%s did not identify itself: %w", r.PeerID, err)
		}
		time.Sleep(lookAgain)
	}
}

func (n *node) ping(r request) (answer, error) {
	ctx, cancel := patient()
	defer cancel()
	done := <-ping.Ping(network.WithNoDial(ctx, "ping"), n.host, r.PeerID)
	return answer{"ms": milliseconds(done.RTT)}, done.Error
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Nanoseconds()) / 1e6
}

// list makes JSON show an empty list, not null.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
