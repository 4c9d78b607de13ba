package main

import (
	"encoding/binary"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

const (
	echoProtocol protocol.ID = "/p2pd-bench/echo/1" // sends back what it reads
	sinkProtocol protocol.ID = "/p2pd-bench/sink/1" // reads to the end, then answers the count, 8 bytes big-endian
	chunkSize                = 64 << 10
)

func serveStreams(h host.Host) {
	h.SetStreamHandler(echoProtocol, func(s network.Stream) {
		_, err := io.Copy(s, s)
		finish(s, err)
	})
	h.SetStreamHandler(sinkProtocol, func(s network.Stream) {
		count, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{s}, make([]byte, chunkSize))
		if err == nil {
			_, err = s.Write(binary.BigEndian.AppendUint64(nil, uint64(count)))
		}
		finish(s, err)
	})
}

// finish closes a stream that has served, or resets one that has failed.
func finish(s network.Stream, err error) {
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		_ = s.Reset() // there is nobody to tell
	}
}

// open opens a stream to a peer we are connected to.
func (n *node) open(to peer.ID, protocols ...protocol.ID) (network.Stream, error) {
	ctx, cancel := patient()
	defer cancel()
	return n.host.NewStream(network.WithNoDial(ctx, "connect first"), to, protocols...)
}

// openTimed opens a stream that fails `patience` after `length`.
func (n *node) openTimed(r request, on protocol.ID) (network.Stream, error) {
	s, err := n.open(r.PeerID, on)
	if err != nil {
		return nil, err
	}
	return s, s.SetDeadline(time.Now().Add(seconds(r.Seconds) + patience))
}

func (n *node) echo(r request) (_ answer, err error) {
	s, err := n.openTimed(r, echoProtocol)
	if err != nil {
		return nil, err
	}
	defer func() { finish(s, err) }()
	message, back := make([]byte, r.Size), make([]byte, r.Size)
	start := time.Now()
	count := 0
	for time.Since(start) < seconds(r.Seconds) {
		if _, err := s.Write(message); err != nil {
			return nil, err
		}
		if _, err := io.ReadFull(s, back); err != nil {
			return nil, err
		}
		count++
	}
	return answer{"count": count, "seconds": time.Since(start).Seconds()}, nil
}

func (n *node) bulk(r request) (_ answer, err error) {
	s, err := n.openTimed(r, sinkProtocol)
	if err != nil {
		return nil, err
	}
	defer func() { finish(s, err) }()
	chunk := make([]byte, chunkSize)
	start := time.Now()
	for time.Since(start) < seconds(r.Seconds) {
		if _, err := s.Write(chunk); err != nil {
			return nil, err
		}
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	var count [8]byte
	if _, err := io.ReadFull(s, count[:]); err != nil {
		return nil, err
	}
	return answer{"bytes": binary.BigEndian.Uint64(count[:]), "seconds": time.Since(start).Seconds()}, nil
}
