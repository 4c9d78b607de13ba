package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pubsubpb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
	ma "github.com/multiformats/go-multiaddr"
	"google.golang.org/protobuf/proto"

	"p2pd/peer/uc"
)

// decode reads bytes by the implementation's own decoders, and is strict beyond them: what they would pass over in
// silence, a field they do not know or one that is missing, is an error.
func decode(kind string, raw []byte) (answer, error) {
	switch kind {
	case "peer":
		said, err := decodePeer(raw)
		if err != nil {
			return nil, err
		}
		return answer{"peer_id": said.PeerID, "addrs": said.Addrs}, nil
	case "dm_request":
		var asked uc.DirectMessageRequest
		if err := errors.Join(unmarshal(raw, &asked), checkRequest(&asked)); err != nil {
			return nil, err
		}
		return answer{
			"client_version": asked.Metadata.ClientVersion, "timestamp": asked.Metadata.Timestamp,
			"text": asked.Content, "type": asked.Type,
		}, nil
	case "dm_response":
		var response uc.DirectMessageResponse
		if err := errors.Join(unmarshal(raw, &response), checkResponse(&response)); err != nil {
			return nil, err
		}
		return answer{
			"client_version": response.Metadata.ClientVersion, "timestamp": response.Metadata.Timestamp,
			"status": response.Status, "status_text": response.GetStatusText(),
		}, nil
	case "chat_room":
		said, err := decodeChatMessage(raw)
		if err != nil {
			return nil, err
		}
		return answer{"sender_id": said.SenderID, "nick": said.SenderNick, "message": said.Message}, nil
	case "key":
		return decodeKey(raw)
	case "record":
		return decodeRecord(raw)
	case "peer_record":
		return decodePeerRecord(raw)
	}
	return nil, fmt.Errorf("no such kind: %s", kind)
}

// unmarshal refuses unknown fields.
func unmarshal(raw []byte, into proto.Message) error {
	if err := proto.Unmarshal(raw, into); err != nil {
		return err
	}
	if unknown := into.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		return fmt.Errorf("unknown fields: %x", unknown)
	}
	return nil
}

func decodePeer(raw []byte) (*announcement, error) {
	var said uc.Peer
	if err := unmarshal(raw, &said); err != nil {
		return nil, err
	}
	key, err := crypto.UnmarshalPublicKey(said.PublicKey)
	if err != nil {
		return nil, err
	}
	id, err := peer.IDFromPublicKey(key)
	if err != nil {
		return nil, err
	}
	found := &announcement{PeerID: id, Addrs: []string{}}
	for _, packed := range said.Addrs {
		addr, err := ma.NewMultiaddrBytes(packed)
		if err != nil {
			return nil, err
		}
		info, err := peer.AddrInfoFromP2pAddr(addr)
		if err != nil {
			return nil, err
		}
		if info.ID != id {
			return nil, fmt.Errorf("%s is not an address of %s", addr, id)
		}
		found.Addrs = append(found.Addrs, addr.String())
	}
	return found, nil
}

func checkRequest(asked *uc.DirectMessageRequest) error {
	if asked.Metadata == nil {
		return errors.New("the request has no metadata")
	}
	if asked.Type != textType {
		return fmt.Errorf("the request is of type %q, not %s", asked.Type, textType)
	}
	return nil
}

func checkResponse(response *uc.DirectMessageResponse) error {
	if response.Metadata == nil {
		return errors.New("the response has no metadata")
	}
	if _, known := uc.DirectMessageResponse_Status_name[int32(response.Status)]; !known {
		return fmt.Errorf("the response has status %d", response.Status)
	}
	return nil
}

func decodeKey(raw []byte) (answer, error) {
	key, err := crypto.UnmarshalPrivateKey(raw)
	if err != nil {
		return nil, err
	}
	id, err := peer.IDFromPrivateKey(key)
	return answer{"peer_id": id, "type": key.Type().String()}, err
}

// decodeRecord verifies as go-libp2p-pubsub does on arrival: the fields but signature and key, encoded anew.
func decodeRecord(raw []byte) (answer, error) {
	var message pubsubpb.Message
	if err := unmarshal(raw, &message); err != nil {
		return nil, err
	}
	from, err := peer.IDFromBytes(message.From)
	if err != nil {
		return nil, err
	}
	key, err := from.ExtractPublicKey()
	if message.Key != nil {
		key, err = crypto.UnmarshalPublicKey(message.Key)
	}
	if err != nil {
		return nil, err
	}
	signed := proto.CloneOf(&message)
	signed.Signature, signed.Key = nil, nil
	encoded, err := proto.Marshal(signed)
	if err != nil {
		return nil, err
	}
	valid, err := key.Verify(slices.Concat([]byte(pubsub.SignPrefix), encoded), message.Signature)
	if err != nil {
		return nil, err
	}
	if !valid || !from.MatchesPublicKey(key) {
		return nil, errors.New("the signature is not the author's")
	}
	if len(message.Seqno) != 8 {
		return nil, fmt.Errorf("a seqno of %d bytes", len(message.Seqno))
	}
	return answer{
		"from": from, "seqno": fmt.Sprint(binary.BigEndian.Uint64(message.Seqno)),
		"topic": message.GetTopic(), "data": list(message.Data),
	}, nil
}

func decodePeerRecord(raw []byte) (answer, error) {
	envelope, untyped, err := record.ConsumeEnvelope(raw, peer.PeerRecordEnvelopeDomain)
	if err != nil {
		return nil, err
	}
	found, ok := untyped.(*peer.PeerRecord)
	if !ok || !found.PeerID.MatchesPublicKey(envelope.PublicKey) {
		return nil, errors.New("not a record of the peer that signed it")
	}
	return answer{"peer_id": found.PeerID, "seq": fmt.Sprint(found.Seq), "addrs": list(found.Addrs)}, nil
}
