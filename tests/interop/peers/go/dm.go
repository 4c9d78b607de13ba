package main

import (
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-msgio/pbio"
	"google.golang.org/protobuf/proto"

	"p2pd/peer/uc"
)

const (
	dmProtocol protocol.ID = "/universal-connectivity/dm/1.0.0" // one request and one response a stream
	textType               = "text/plain"
	maxDM                  = 1 << 20
)

type directMessage struct {
	From      peer.ID `json:"from"`
	Text      string  `json:"text"`
	Timestamp int64   `json:"timestamp"` // milliseconds, as the sender says
}

// directMessages are those that came; each is answered at once.
type directMessages struct {
	agent string

	mu       sync.Mutex
	messages []directMessage
}

func serveDirectMessages(h host.Host, agent string) *directMessages {
	d := &directMessages{agent: agent, messages: []directMessage{}}
	h.SetStreamHandler(dmProtocol, func(s network.Stream) {
		err := s.SetDeadline(time.Now().Add(patience))
		if err == nil {
			err = d.serve(s)
		}
		finish(s, err)
	})
	return d
}

func (d *directMessages) serve(s network.Stream) error {
	var asked uc.DirectMessageRequest
	if err := pbio.NewDelimitedReader(s, maxDM).ReadMsg(&asked); err != nil {
		return err
	}
	response := &uc.DirectMessageResponse{Metadata: d.metadata(), Status: uc.DirectMessageResponse_OK}
	if err := checkRequest(&asked); err != nil {
		response.Status = uc.DirectMessageResponse_ERROR
		response.StatusText = proto.String(err.Error())
	} else {
		d.mu.Lock()
		d.messages = append(d.messages,
			directMessage{s.Conn().RemotePeer(), asked.Content, asked.Metadata.Timestamp})
		d.mu.Unlock()
	}
	return pbio.NewDelimitedWriter(s).WriteMsg(response)
}

func (d *directMessages) metadata() *uc.Metadata {
	return &uc.Metadata{ClientVersion: d.agent, Timestamp: time.Now().UnixMilli()}
}

func (d *directMessages) list() (answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return answer{"messages": slices.Clone(d.messages)}, nil
}

func (n *node) dm(r request) (_ answer, err error) {
	s, err := n.openTimed(r, dmProtocol)
	if err != nil {
		return nil, err
	}
	defer func() { finish(s, err) }()
	asked := &uc.DirectMessageRequest{Metadata: n.dms.metadata(), Content: r.Text, Type: textType}
	if err := pbio.NewDelimitedWriter(s).WriteMsg(asked); err != nil {
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	var response uc.DirectMessageResponse
	if err := pbio.NewDelimitedReader(s, maxDM).ReadMsg(&response); err != nil {
		return nil, err
	}
	if err := checkResponse(&response); err != nil {
		return nil, err
	}
	return answer{"status": response.Status, "status_text": response.GetStatusText()}, nil
}
