// A chat server in Go to compare with, in the shape Go tutorials give it: a hub goroutine that owns
// the rooms, and two goroutines per connection.
//
// -mode plain is that server as usually written: every broadcast is marshalled and handed out on
// channels of 256, waiting messages are joined by newlines into one WebSocket message.
// -mode tuned keeps the shape and removes what costs most: a broadcast is encoded once as a ready
// WebSocket frame, channels are large, and all frames that wait go out in one write.
//
// In both a client whose channel is full is dropped.
package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

const (
	writeWait  = 10 * time.Second
	pongWait   = 60 * time.Second
	pingPeriod = pongWait * 9 / 10
)

var (
	port       = flag.Int("port", 8080, "port to listen on")
	mode       = flag.String("mode", "plain", "plain or tuned")
	limit      = flag.Int64("limit", 16384, "largest message of a client, in bytes")
	maxPerRoom = flag.Int("max-per-room", 100, "members a room may have")
)

// Message is what travels in both directions.
type Message struct {
	Type     string `json:"type"`
	Room     string `json:"room"`
	Username string `json:"username"`
	Content  string `json:"content"`
}

// request is one thing a client asks of the hub.
type request struct {
	client *Client
	msg    Message
}

// Hub owns all rooms; only its goroutine touches them, and Client.room with them.
type Hub struct {
	clients    map[*Client]bool
	rooms      map[string]map[*Client]bool
	register   chan *Client
	unregister chan *Client
	requests   chan request
	encode     func(*Message) ([]byte, error)
}

func newHub(inbox int, encode func(*Message) ([]byte, error)) *Hub {
	return &Hub{
		clients:    make(map[*Client]bool),
		rooms:      make(map[string]map[*Client]bool),
		register:   make(chan *Client),
		unregister: make(chan *Client),
		requests:   make(chan request, inbox),
		encode:     encode,
	}
}

func (h *Hub) run() {
	for {
		select {
		case c := <-h.register:
			h.clients[c] = true
		case c := <-h.unregister:
			h.drop(c)
		case r := <-h.requests:
			h.handle(r.client, &r.msg)
		}
	}
}

func (h *Hub) handle(c *Client, m *Message) {
	if !h.clients[c] {
		return
	}
	switch m.Type {
	case "join":
		h.join(c, m.Room)
	case "leave":
		h.leave(c)
	case "message":
		if c.room != "" {
			h.broadcast(&Message{"message", c.room, c.username, m.Content})
		}
	}
}

func (h *Hub) join(c *Client, room string) {
	h.leave(c)
	members := h.rooms[room]
	if members == nil {
		members = make(map[*Client]bool)
		h.rooms[room] = members
	}
	if len(members) >= *maxPerRoom {
		h.deliver(c, &Message{"error", room, "server", "the room is full"})
		return
	}
	members[c] = true
	c.room = room
	h.broadcast(&Message{"join", room, c.username, c.username + " joined the room"})
}

func (h *Hub) leave(c *Client) {
	room := c.room
	if room == "" {
		return
	}
	c.room = ""
	delete(h.rooms[room], c)
	if len(h.rooms[room]) == 0 {
		delete(h.rooms, room)
		return
	}
	h.broadcast(&Message{"leave", room, c.username, c.username + " left the room"})
}

func (h *Hub) drop(c *Client) {
	if h.clients[c] {
		delete(h.clients, c)
		close(c.send)
		h.leave(c)
	}
}

func (h *Hub) deliver(c *Client, m *Message) {
	data, err := h.encode(m)
	if err == nil && !c.offer(data) {
		h.drop(c)
	}
}

func (h *Hub) broadcast(m *Message) {
	data, err := h.encode(m)
	if err != nil {
		log.Printf("encode: %v", err)
		return
	}
	var full []*Client
	for c := range h.rooms[m.Room] {
		if !c.offer(data) {
			full = append(full, c)
		}
	}
	for _, c := range full {
		h.drop(c)
	}
}

// Client is one connection.
type Client struct {
	hub      *Hub
	conn     *websocket.Conn
	send     chan []byte
	username string
	room     string
}

// offer queues data unless the client's channel is full.
func (c *Client) offer(data []byte) bool {
	select {
	case c.send <- data:
		return true
	default:
		return false
	}
}

func (c *Client) readPump() {
	defer func() {
		c.hub.unregister <- c
		c.conn.Close()
	}()
	extend := func(string) error { return c.conn.SetReadDeadline(time.Now().Add(pongWait)) }
	extend("")
	c.conn.SetPongHandler(extend)
	c.conn.SetReadLimit(*limit)
	for {
		_, data, err := c.conn.ReadMessage()
		if err != nil {
			return
		}
		r := request{client: c}
		if err := json.Unmarshal(data, &r.msg); err != nil {
			continue
		}
		c.hub.requests <- r
	}
}

// writePump sends what the channel brings by way of flush, which may take more from it.
func (c *Client) writePump(flush func(first []byte) error) {
	ticker := time.NewTicker(pingPeriod)
	defer func() {
		ticker.Stop()
		c.conn.Close()
	}()
	for {
		select {
		case data, open := <-c.send:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if !open {
				c.conn.WriteMessage(websocket.CloseMessage, []byte{})
				return
			}
			if flush(data) != nil {
				return
			}
		case <-ticker.C:
			c.conn.SetWriteDeadline(time.Now().Add(writeWait))
			if c.conn.WriteMessage(websocket.PingMessage, nil) != nil {
				return
			}
		}
	}
}

// flushJoined puts all that waits into one WebSocket message, a line each.
func (c *Client) flushJoined(first []byte) error {
	w, err := c.conn.NextWriter(websocket.TextMessage)
	if err != nil {
		return err
	}
	w.Write(first)
	for n := len(c.send); n > 0; n-- {
		w.Write([]byte{'\n'})
		w.Write(<-c.send)
	}
	return w.Close()
}

// flushFrames writes all frames that wait with one call. The deadline that writePump set on the
// connection holds for its next WriteMessage only, so it is set on the socket here.
func (c *Client) flushFrames(first []byte) error {
	data := first
	if n := len(c.send); n > 0 {
		data = make([]byte, 0, (n+1)*(len(first)+16))
		data = append(data, first...)
		for ; n > 0; n-- {
			data = append(data, <-c.send...)
		}
	}
	socket := c.conn.UnderlyingConn()
	socket.SetWriteDeadline(time.Now().Add(writeWait))
	_, err := socket.Write(data)
	return err
}

func encodeJSON(m *Message) ([]byte, error) { return json.Marshal(m) }

// encodeFrame makes the unmasked text frame that carries m.
func encodeFrame(m *Message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	frame := make([]byte, 2, len(body)+10)
	frame[0] = 0x80 | websocket.TextMessage
	switch n := len(body); {
	case n < 126:
		frame[1] = byte(n)
	case n < 1<<16:
		frame[1] = 126
		frame = binary.BigEndian.AppendUint16(frame, uint16(n))
	default:
		frame[1] = 127
		frame = binary.BigEndian.AppendUint64(frame, uint64(n))
	}
	return append(frame, body...), nil
}

func main() {
	flag.Parse()
	inbox, queue, encode := 0, 256, encodeJSON
	tuned := *mode == "tuned"
	if tuned {
		inbox, queue, encode = 1024, 4096, encodeFrame
	} else if *mode != "plain" {
		log.Fatalf("-mode %q: want plain or tuned", *mode)
	}
	hub := newHub(inbox, encode)
	go hub.run()

	upgrader := websocket.Upgrader{
		ReadBufferSize:  1024,
		WriteBufferSize: 1024,
		CheckOrigin:     func(*http.Request) bool { return true },
	}
	http.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		query := r.URL.Query()
		c := &Client{hub: hub, conn: conn, send: make(chan []byte, queue), username: query.Get("username")}
		if c.username == "" {
			c.username = "anonymous"
		}
		hub.register <- c
		if room := query.Get("room"); room != "" {
			hub.requests <- request{c, Message{Type: "join", Room: room}}
		}
		flush := c.flushJoined
		if tuned {
			flush = c.flushFrames
		}
		go c.writePump(flush)
		go c.readPump()
	})
	log.Fatal(http.ListenAndServe(fmt.Sprintf("127.0.0.1:%d", *port), nil))
}
