package main

import (
	"bufio"
	"fmt"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// chatProtocol is that of the "chat" examples of go-libp2p and py-libp2p: a stream of lines each way.
const chatProtocol protocol.ID = "/chat/1.0.0"

type chatLine struct {
	From peer.ID `json:"from"`
	Line string  `json:"line"`
}

// chats are the newest chat stream with each peer and every line that came.
type chats struct {
	mu      sync.Mutex
	streams map[peer.ID]network.Stream
	lines   []chatLine
}

func serveChats(h host.Host) *chats {
	c := &chats{streams: map[peer.ID]network.Stream{}, lines: []chatLine{}}
	h.SetStreamHandler(chatProtocol, c.read)
	return c
}

// read keeps the stream's lines until it ends.
func (c *chats) read(s network.Stream) {
	from := s.Conn().RemotePeer()
	c.mu.Lock()
	c.streams[from] = s
	c.mu.Unlock()
	input := bufio.NewScanner(s)
	for input.Scan() {
		if line := input.Text(); line != "" {
			c.mu.Lock()
			c.lines = append(c.lines, chatLine{from, line})
			c.mu.Unlock()
		}
	}
	c.mu.Lock()
	if c.streams[from] == s {
		delete(c.streams, from)
	}
	c.mu.Unlock()
	finish(s, input.Err())
}

func (n *node) chatOpen(r request) (answer, error) {
	s, err := n.open(r.PeerID, chatProtocol)
	if err != nil {
		return nil, err
	}
	n.chats.mu.Lock()
	n.chats.streams[r.PeerID] = s
	n.chats.mu.Unlock()
	go n.chats.read(s)
	return nil, nil
}

// say sends an empty line after each, as go-libp2p's example does.
func (c *chats) say(r request) (answer, error) {
	c.mu.Lock()
	s := c.streams[r.PeerID]
	c.mu.Unlock()
	if s == nil {
		return nil, fmt.Errorf("no chat with %s: open one first", r.PeerID)
	}
	_, err := fmt.Fprintf(s, "%s\n\n", r.Text)
	return nil, err
}

func (c *chats) list() (answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return answer{"lines": slices.Clone(c.lines)}, nil
}
