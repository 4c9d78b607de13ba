package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// stall is how long a flood waits for an acknowledgement until it takes the messages under way for lost.
const stall = 5 * time.Second

// bench counts others' benchmark messages and passes the acknowledgements of ours to the flood under way.
type bench struct {
	acks *net.UDPConn

	mu      sync.Mutex
	watched *watched
	flying  *window
}

// watched is what has been seen since `watch`; times are of CLOCK_MONOTONIC, which all processes share.
type watched struct {
	port, every         int
	firstSent, lastSeen int64
	latencies           []float64
}

func openBench() (*bench, error) {
	acks, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	b := &bench{acks: acks}
	go b.readAcks()
	return b, nil
}

func (b *bench) port() int {
	return b.acks.LocalAddr().(*net.UDPAddr).Port
}

func (b *bench) readAcks() {
	datagram := make([]byte, 32)
	for {
		size, err := b.acks.Read(datagram)
		if err != nil {
			return
		}
		count, err := strconv.Atoi(string(datagram[:size]))
		b.mu.Lock()
		if err == nil && b.flying != nil {
			b.flying.acknowledge(count)
		}
		b.mu.Unlock()
	}
}

func (b *bench) watch(r request) (answer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.watched = &watched{port: r.Port, every: r.Every, latencies: []float64{}}
	return nil, nil
}

// take says whether the message is a benchmark's, and counts it while they are watched.
func (b *bench) take(data []byte) bool {
	arrived := monotonic()
	fields := bytes.SplitN(data, []byte(" "), 4)
	if len(fields) != 4 || string(fields[0]) != "bench" {
		return false
	}
	sent, err := strconv.ParseInt(string(fields[2]), 10, 64)
	if err != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.watched
	if w == nil {
		return true
	}
	if w.firstSent == 0 {
		w.firstSent = sent
	}
	w.lastSeen = arrived
	w.latencies = append(w.latencies, float64(arrived-sent)/1e6)
	if w.port != 0 && len(w.latencies)%w.every == 0 {
		count := strconv.Itoa(len(w.latencies))
		// A lost acknowledgement is made good by the next one.
		_, _ = b.acks.WriteToUDP([]byte(count), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: w.port})
	}
	return true
}

func (b *bench) seen() (answer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.watched
	if w == nil {
		return nil, fmt.Errorf("nothing is watched")
	}
	latencies := append([]float64{}, w.latencies...)
	return answer{
		"count":        len(latencies),
		"seconds":      float64(w.lastSeen-w.firstSent) / 1e9,
		"latencies_ms": latencies,
	}, nil
}

// window numbers a flood's messages and keeps no more than `size` of them under way.
type window struct {
	size  int
	mu    sync.Mutex
	sent  int
	acked int
	moved chan struct{} // closed at the next acknowledgement
}

func (w *window) acknowledge(count int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked = max(w.acked, count)
	close(w.moved)
	w.moved = make(chan struct{})
}

// next is the number of the next message, once there is room for it.
func (w *window) next() (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.sent-w.acked >= w.size {
		moved := w.moved
		w.mu.Unlock()
		var stalled bool
		select {
		case <-moved:
		case <-time.After(stall):
			stalled = true
		}
		w.mu.Lock()
		if stalled && moved == w.moved {
			return 0, fmt.Errorf("%d of %d messages are lost", w.sent-w.acked, w.sent)
		}
	}
	w.sent++
	return w.sent, nil
}

func (n *node) flood(r request) (answer, error) {
	to, err := n.joined(r.Room)
	if err != nil {
		return nil, err
	}
	flying := &window{size: r.Window, moved: make(chan struct{})}
	n.bench.setFlying(flying)
	defer n.bench.setFlying(nil)
	deadline := time.Now().Add(seconds(r.Seconds))
	send := func() error {
		for time.Now().Before(deadline) {
			number, err := flying.next()
			if err != nil {
				return err
			}
			if err := to.topic.Publish(context.Background(), payload(number, r.Size)); err != nil {
				return err
			}
		}
		return nil
	}
	done := make(chan error)
	for range r.Senders {
		go func() { done <- send() }()
	}
	var failed error
	for range r.Senders {
		if err := <-done; err != nil {
			failed = err
		}
	}
	return answer{"sent": flying.sent}, failed
}

func (b *bench) setFlying(w *window) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flying = w
}

// pace sends at fixed times, however long each message takes.
func (n *node) pace(r request) (answer, error) {
	to, err := n.joined(r.Room)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	count := int(math.Round(r.Seconds * r.Rate))
	for number := range count {
		time.Sleep(time.Until(start.Add(seconds(float64(number) / r.Rate))))
		if err := to.topic.Publish(context.Background(), payload(number, r.Size)); err != nil {
			return nil, err
		}
	}
	return answer{"sent": count}, nil
}

func payload(number, size int) []byte {
	text := fmt.Appendf(make([]byte, 0, size), "bench %d %d ", number, monotonic())
	for len(text) < size {
		text = append(text, 'x')
	}
	return text
}

func monotonic() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		panic(err)
	}
	return now.Nano()
}

func seconds(count float64) time.Duration {
	return time.Duration(count * float64(time.Second))
}
