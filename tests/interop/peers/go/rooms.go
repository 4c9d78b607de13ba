package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

// room is a topic we are subscribed to and others' messages in it. The benchmarks' are counted and not kept.
type room struct {
	topic *pubsub.Topic
	leave context.CancelFunc

	mu       sync.Mutex
	messages []*pubsub.Message
}

// join subscribes to a topic; a second call gives the same room.
func (n *node) join(name string) (*room, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if joined := n.rooms[name]; joined != nil {
		return joined, nil
	}
	topic, err := n.pubsub.Join(name)
	if err != nil {
		return nil, err
	}
	subscription, err := topic.Subscribe(pubsub.WithBufferSize(queueSize))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	joined := &room{topic: topic}
	joined.leave = func() {
		cancel()
		subscription.Cancel()
	}
	n.rooms[name] = joined
	go n.read(ctx, joined, subscription)
	return joined, nil
}

func (n *node) read(ctx context.Context, to *room, subscription *pubsub.Subscription) {
	for {
		message, err := subscription.Next(ctx)
		if err != nil {
			return
		}
		if message.GetFrom() == n.host.ID() || n.bench.take(message.Data) {
			continue
		}
		to.mu.Lock()
		to.messages = append(to.messages, message)
		to.mu.Unlock()
	}
}

func (r *room) all() []*pubsub.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.messages)
}

func (n *node) joined(name string) (*room, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if found := n.rooms[name]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("not in %s: join it first", name)
}

func (n *node) joinRoom(r request) (answer, error) {
	_, err := n.join(r.Room)
	return nil, err
}

func (n *node) leaveRoom(r request) (answer, error) {
	left, err := n.joined(r.Room)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	delete(n.rooms, r.Room)
	n.mu.Unlock()
	left.leave()
	return nil, left.topic.Close()
}

func (n *node) members(r request) (answer, error) {
	return answer{"count": len(n.pubsub.ListPeers(r.Room))}, nil
}

func (n *node) mesh(r request) (answer, error) {
	return answer{"peers": list(n.meshes.of(r.Room))}, nil
}

func (n *node) publish(r request) (answer, error) {
	to, err := n.joined(r.Room)
	if err != nil {
		return nil, err
	}
	data := r.Data
	if data == nil {
		data = []byte(r.Text)
	}
	return nil, to.topic.Publish(context.Background(), data)
}

// receivedMessage has the fields as they came over the wire, so that the message can be verified elsewhere.
type receivedMessage struct {
	From      peer.ID `json:"from"`
	Seqno     string  `json:"seqno"`
	Data      []byte  `json:"data"`
	Signature []byte  `json:"signature"`
	Key       []byte  `json:"key"`
}

func (n *node) received(r request) (answer, error) {
	from, err := n.joined(r.Room)
	if err != nil {
		return nil, err
	}
	messages := []receivedMessage{}
	for _, message := range from.all() {
		if len(message.Seqno) != 8 {
			return nil, fmt.Errorf("a seqno of %d bytes from %s", len(message.Seqno), message.GetFrom())
		}
		messages = append(messages, receivedMessage{
			From:      message.GetFrom(),
			Seqno:     fmt.Sprint(binary.BigEndian.Uint64(message.Seqno)),
			Data:      list(message.Data),
			Signature: list(message.Signature),
			Key:       list(message.Key),
		})
	}
	return answer{"messages": messages}, nil
}
