//! The only way from the API to the bridge: one bounded queue of questions, each with its own way back.

use tokio::sync::{mpsc, oneshot};

use crate::bridge::ask::{Actor, Ask, Reply};
use crate::domain::intent::Refusal;

/// How many questions may wait. Beyond it, whoever asks waits before their question is queued.
const QUEUE: usize = 64;

/// A question on its way to the loop, which answers it once the turn is committed.
#[derive(Debug)]
pub struct Asked {
    /// Who asks.
    pub actor: Actor,
    /// What.
    pub ask: Ask,
    /// Where the answer goes; a caller that gave up has dropped the other end.
    pub reply: oneshot::Sender<Result<Reply, Refusal>>,
}

/// Asks the bridge. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    queue: mpsc::Sender<Asked>,
}

impl Handle {
    /// A handle, and the end that the loop reads from.
    pub fn new() -> (Self, mpsc::Receiver<Asked>) {
        let (queue, asked) = mpsc::channel(QUEUE);
        (Self { queue }, asked)
    }

    /// Asks, and waits for the answer. A loop that stopped before it answered counts as an unavailable store: the
    /// outcome of a change is unknown then, and its answer never says "done".
    pub async fn ask(&self, actor: Actor, ask: Ask) -> Result<Reply, Refusal> {
        let stopping = || Refusal::StoreUnavailable("the daemon is stopping".into());
        let (reply, answer) = oneshot::channel();
        self.queue.send(Asked { actor, ask, reply }).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_that_stops_in_mid_question_is_an_answer_not_a_hang() {
        let (handle, mut asked) = Handle::new();
        let asking = tokio::spawn(async move { handle.ask(Actor::Uid(7), Ask::Status).await });
        drop(asked.recv().await.unwrap());
        assert!(matches!(asking.await.unwrap(), Err(Refusal::StoreUnavailable(_))));
    }
}
