//! A line between clients and a host that can be cut: what a lift does to a phone. Clients keep one address, also when the
//! host behind it is another one.

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

    /// Ends every connection; new ones come through.
    pub fn cut(&self) {
        for socket in self.ends().sockets.drain(..) {
            // One that has ended by itself is cut already.
            let _ = socket.shutdown(Shutdown::Both);
        }
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

/// Connects a client with the host; a client of a host that is not there is sent away. False when there is no more to do.
fn lay(client: &TcpStream, ends: &Mutex<Ends>) -> bool {
    let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
    if let Ok(host) = TcpStream::connect(&ends.host) {
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
