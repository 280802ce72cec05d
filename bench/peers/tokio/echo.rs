// SPDX-License-Identifier: MIT
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn serve(mut connection: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(n) = connection.read(&mut buffer).await {
        if n == 0 || connection.write_all(&buffer[..n]).await.is_err() {
            break;
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
