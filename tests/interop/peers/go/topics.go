package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"google.golang.org/protobuf/proto"

	"p2pd/peer/uc"
)

// Two formats of messages in topics: universal-connectivity's announcements of peers, and the lines of go-libp2p's
// "pubsub/chat" example. What others send there has to decode, or the command fails.

type announcement struct {
	PeerID peer.ID  `json:"peer_id"`
	Addrs  []string `json:"addrs"`
}

func (n *node) announce(r request) (answer, error) {
	to, err := n.join(r.Topic)
	if err != nil {
		return nil, err
	}
	key, err := crypto.MarshalPublicKey(n.host.Peerstore().PubKey(n.host.ID()))
	if err != nil {
		return nil, err
	}
	said := &uc.Peer{PublicKey: key}
	for _, addr := range n.addrs {
		said.Addrs = append(said.Addrs, ma.StringCast(addr).Bytes())
	}
	raw, err := proto.Marshal(said)
	if err != nil {
		return nil, err
	}
	return nil, to.topic.Publish(context.Background(), raw)
}

func (n *node) discovered(r request) (answer, error) {
	from, err := n.join(r.Topic)
	if err != nil {
		return nil, err
	}
	peers := []*announcement{}
	for _, message := range from.all() {
		said, err := decodePeer(message.Data)
		if err != nil {
			return nil, fmt.Errorf("%s announced: %w", message.GetFrom(), err)
		}
		peers = append(peers, said)
	}
	return answer{"peers": peers}, nil
}

// chatMessage is the example's, with its names.
type chatMessage struct {
	Message    string
	SenderID   string
	SenderNick string
}

type chatRoomLine struct {
	SenderID string  `json:"sender_id"`
	Nick     string  `json:"nick"`
	Message  string  `json:"message"`
	From     peer.ID `json:"from"`
}

func chatRoomTopic(room string) string {
	return "chat-room:" + room
}

func (n *node) chatRoomSay(r request) (answer, error) {
	to, err := n.join(chatRoomTopic(r.Room))
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(chatMessage{r.Text, n.host.ID().String(), r.Nick})
	if err != nil {
		return nil, err
	}
	return nil, to.topic.Publish(context.Background(), raw)
}

func (n *node) chatRoomLines(r request) (answer, error) {
	from, err := n.join(chatRoomTopic(r.Room))
	if err != nil {
		return nil, err
	}
	lines := []chatRoomLine{}
	for _, message := range from.all() {
		said, err := decodeChatMessage(message.Data)
		if err != nil {
			return nil, fmt.Errorf("%s said: %w", message.GetFrom(), err)
		}
		lines = append(lines, chatRoomLine{said.SenderID, said.SenderNick, said.Message, message.GetFrom()})
	}
	return answer{"lines": lines}, nil
}

func decodeChatMessage(raw []byte) (*chatMessage, error) {
	var said chatMessage
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&said); err != nil {
		return nil, err
	}
	if _, err := peer.Decode(said.SenderID); err != nil {
		return nil, err
	}
	return &said, nil
}
