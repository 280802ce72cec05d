// SPDX-License-Identifier: MIT
//
// Its TLS is its own, with the suite that it takes by itself: AES with 128 bits, where OpenSSL
// takes 256. The certificate is as the others', ECDSA with P-256; there are no tickets.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"os"
	"syscall"
	"time"
)

const record = 16384

var serving, asking *tls.Config

func certify() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	words := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, &words, &words, &key.PublicKey, key)
	must(err)
	certificate, err := x509.ParseCertificate(der)
	must(err)
	trusted := x509.NewCertPool()
	trusted.AddCert(certificate)
	own := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	serving = &tls.Config{Certificates: []tls.Certificate{own}, SessionTicketsDisabled: true}
	asking = &tls.Config{RootCAs: trusted, ServerName: "localhost"}
}

func end(fd int) net.Conn {
	file := os.NewFile(uintptr(fd), "socket")
	defer file.Close()
	c, err := net.FileConn(file)
	must(err)
	return c
}

func shake() (client, server *tls.Conn) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	must(err)
	client, server = tls.Client(end(fds[0]), asking), tls.Server(end(fds[1]), serving)
	shaken := make(chan error)
	go func() { shaken <- server.Handshake() }()
	must(client.Handshake())
	must(<-shaken)
	return
}

func main() {
	certify()
	say("handshake", ns(300, func(n int) {
		for ; n > 0; n-- {
			client, server := shake()
			client.Close()
			server.Close()
		}
	})/1000, "us")
	client, server := shake()
	bytes, back := make([]byte, record), make([]byte, record)
	each := ns(4000, func(n int) {
		go func() {
			for left := n; left > 0; left-- {
				_, err := client.Write(bytes)
				must(err)
			}
		}()
		for left := n; left > 0; left-- {
			_, err := io.ReadFull(server, back)
			must(err)
		}
	})
	say("throughput", record/each*1e9/(1<<20), "MiB/s")
}
