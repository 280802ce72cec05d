// SPDX-License-Identifier: MIT
//
// As bench/http.c does it: a task a connection, a request read up to its blank line, an answer. A
// framework on top of it does more for each request.
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Content-Type: text/plain\r\n\
    Content-Length: 64\r\n\
    \r\n\
    a page of sixty-four bytes, for everyone who asks for it: hello\n";

// How long is the first request in what has come?
fn request(came: &[u8]) -> Option<usize> {
    came.windows(4)
        .position(|at| at == b"\r\n\r\n")
        .map(|at| at + 4)
}

async fn serve(mut connection: TcpStream) -> std::io::Result<()> {
    let (mut buffer, mut came) = ([0; 4096], 0);
    loop {
        while let Some(size) = request(&buffer[..came]) {
            if !buffer.starts_with(b"GET ") {
                return Ok(());
            }
            connection.write_all(ANSWER).await?;
            buffer.copy_within(size..came, 0);
            came -= size;
        }
        match connection.read(&mut buffer[came..]).await? {
            0 => return Ok(()),
            n => came += n,
        }
    }
}

pub async fn answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("to listen");
    println!("port {} -", listener.local_addr().expect("a port").port());
    loop {
        let (connection, _) = listener.accept().await.expect("a connection");
        connection.set_nodelay(true).expect("no delay");
        tokio::spawn(serve(connection));
    }
}
