//! A line between clients and a host that can be cut and mended: what a lift does to a phone.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

pub struct Cable {
    address: String,
    ends: Arc<Mutex<Ends>>,
}

#[derive(Default)]
struct Ends {
    host: String,
    /// Both sides of each connection, also of those that have ended by themselves.
    sockets: Vec<TcpStream>,
    cut: bool,
    over: bool,
}

impl Cable {
    pub fn to(host: &str) -> Cable {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let ends = Arc::new(Mutex::new(Ends { host: host.to_owned(), ..Ends::default() }));
        let shared = ends.clone();
        thread::spawn(move || listener.incoming().flatten().take_while(|client| lay(client, &shared)).count());
        Cable { address, ends }
    }

    /// Where clients find the host.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends every connection, and each new one at once, until it is mended.
    pub fn cut(&self) {
        let mut ends = self.ends();
        ends.cut = true;
        for socket in ends.sockets.drain(..) {
            // One that has ended by itself is cut already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.ends().cut = false;
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.ends().over = true;
        self.cut();
        // Wakes the thread that waits for clients.
        let _ = TcpStream::connect(&self.address);
    }
}

/// Connects a client with the host, if that can be. False when there is no more to do.
fn lay(client: &TcpStream, ends: &Mutex<Ends>) -> bool {
    let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
    let host = if ends.cut { None } else { TcpStream::connect(&ends.host).ok() };
    if let Some(host) = host {
        for (from, to) in [(client, &host), (&host, client)] {
            let (from, to) = (from.try_clone().expect("a handle"), to.try_clone().expect("a handle"));
            thread::spawn(move || carry(from, to));
        }
        ends.sockets.extend([client.try_clone().expect("a handle"), host]);
    }
    !ends.over
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    // An end or an error: either way the other side hears of it.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
