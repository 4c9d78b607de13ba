package main

import (
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// meshes follows gossipsub's meshes by its trace: it shows them nowhere else.
type meshes struct {
	mu      sync.Mutex
	byTopic map[string]map[peer.ID]bool
}

func newMeshes() *meshes {
	return &meshes{byTopic: map[string]map[peer.ID]bool{}}
}

func (m *meshes) of(topic string) []peer.ID {
	m.mu.Lock()
	defer m.mu.Unlock()
	var members []peer.ID
	for member := range m.byTopic[topic] {
		members = append(members, member)
	}
	return members
}

func (m *meshes) Graft(p peer.ID, topic string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byTopic[topic] == nil {
		m.byTopic[topic] = map[peer.ID]bool{}
	}
	m.byTopic[topic][p] = true
}

func (m *meshes) Prune(p peer.ID, topic string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byTopic[topic], p)
}

func (m *meshes) Leave(topic string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.byTopic, topic)
}

// OnClosedOutboundStream is how gossipsub drops a peer that is gone; it traces no prune then.
func (m *meshes) OnClosedOutboundStream(p peer.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, members := range m.byTopic {
		delete(members, p)
	}
}

func (*meshes) Join(string)                                          {}
func (*meshes) OnNewOutboundStream(peer.ID, protocol.ID)             {}
func (*meshes) ValidateMessage(*pubsub.Message)                      {}
func (*meshes) DeliverMessage(*pubsub.Message)                       {}
func (*meshes) RejectMessage(*pubsub.Message, string)                {}
func (*meshes) DuplicateMessage(*pubsub.Message)                     {}
func (*meshes) ThrottlePeer(peer.ID)                                 {}
func (*meshes) RecvRPC(*pubsub.RPC)                                  {}
func (*meshes) SendRPC(*pubsub.RPC, peer.ID)                         {}
func (*meshes) SendRPCCompleted(*pubsub.RPC, peer.ID, time.Duration) {}
func (*meshes) DropRPC(*pubsub.RPC, peer.ID)                         {}
func (*meshes) UndeliverableMessage(*pubsub.Message)                 {}
