//! The connection over which the kernel says that a reader has moved a control.

use crate::show::{self, Formats};
use inorm_core::controls::{Answer, CONTROLS, Command, Control};
use inorm_core::protocol::{self, Message};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

/// The number of a change, and all values after it.
type Change = (u64, Vec<Value>);

/// The socket between this program and the kernel.
pub struct Connection {
    kernel: Mutex<UnixStream>,
    /// Where changes go, by the id of the controls.
    open: Mutex<HashMap<String, Sender<Change>>>,
}

/// The connection of this program, if the kernel has controls.
pub fn connection() -> Option<&'static Connection> {
    static CONNECTION: OnceLock<Option<Connection>> = OnceLock::new();
    let connect = || {
        protocol::mark()?;
        let stream = UnixStream::connect(std::env::var_os(CONTROLS)?).ok()?;
        let commands = stream.try_clone().ok()?;
        thread::Builder::new().spawn(move || receive(commands)).ok()?;
        Some(Connection { kernel: Mutex::new(stream), open: Mutex::default() })
    };
    CONNECTION.get_or_init(connect).as_ref()
}

/// Handles commands until the kernel ends.
fn receive(stream: UnixStream) {
    let lines = BufReader::new(stream).lines().map_while(Result::ok);
    for command in lines.filter_map(|line| serde_json::from_str(&line).ok()) {
        if let Some(connection) = connection() {
            connection.handle(command);
        }
    }
}

impl Connection {
    /// Shows controls here, with what belongs to their first values. From then on a thread of its
    /// own calls `show` for other values, until the controls are closed.
    pub fn open(
        &'static self,
        controls: Vec<Control>,
        first: Formats,
        show: impl FnMut(&[Value]) -> Formats + Send + 'static,
    ) {
        let (id, (sender, changes)) = (show::next_id(), channel());
        lock(&self.open).insert(id.clone(), sender);
        let (program, data) = (std::process::id(), show::bundle(first));
        protocol::send(&Message::Interact { id: id.clone(), program, controls, data });
        let answer = move || {
            answer_latest(&changes, show, |change, shown| {
                self.send(&Answer { id: id.clone(), change, data: show::bundle(shown) });
            });
        };
        if let Err(error) = thread::Builder::new().spawn(answer) {
            eprintln!("the controls will not react: {error}");
        }
    }

    fn handle(&self, command: Command) {
        match command {
            Command::Set { id, change, values } => {
                if let Some(sender) = lock(&self.open).get(&id) {
                    let _ = sender.send((change, values));
                }
            }
            Command::Close { id } => drop(lock(&self.open).remove(&id)),
        }
    }

    fn send(&self, answer: &Answer) {
        let mut line = serde_json::to_vec(answer).expect("it is made of text and numbers");
        line.push(b'\n');
        // Without a kernel there is nobody to show it to.
        let _ = lock(&self.kernel).write_all(&line);
    }
}

/// Answers the latest change, again and again; those before it are left out.
fn answer_latest(
    changes: &Receiver<Change>,
    mut show: impl FnMut(&[Value]) -> Formats,
    mut answer: impl FnMut(u64, Formats),
) {
    while let Ok(next) = changes.recv() {
        let (change, values) = changes.try_iter().last().unwrap_or(next);
        answer(change, show(&values));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::Show;
    use serde_json::json;

    #[test]
    fn only_the_latest_of_several_changes_is_answered() {
        let (sender, changes) = channel();
        let mut later = Some(sender.clone());
        let mut answers = Vec::new();
        sender.send((1, vec![json!(0.1)])).unwrap();
        drop(sender);
        let show = |values: &[Value]| {
            // More changes arrive while the first is answered.
            if let Some(sender) = later.take() {
                (2..=100).for_each(|n| sender.send((n, vec![json!(n)])).unwrap());
            }
            values[0].to_string().formats()
        };
        answer_latest(&changes, show, |change, data| answers.push((change, data[0].1.clone())));
        assert_eq!(answers, [(1, "0.1".to_owned()), (100, "100".to_owned())]);
    }
}
