//! The only way from the API to the bridge: one bounded queue of questions, each with its own way back.

use tokio::sync::{mpsc, oneshot};

use crate::bridge::ask::{self, Question};
use crate::bridge::membership::{Expect, Interview, MembersAsk, Unexpect};
use crate::domain::actor::Actor;
use crate::domain::intent::{Intent, Refusal};

/// How many questions may wait. Beyond it, whoever asks waits before their question is queued.
const QUEUE: usize = 64;

/// Where the answer to a question goes; a caller that gave up has dropped the other end.
pub type ReplyTo<Q> = oneshot::Sender<Result<<Q as Question>::Answer, Refusal>>;

/// A question on its way to the loop, which answers it once the turn is committed.
#[derive(Debug)]
pub struct Asked {
    pub actor: Actor,
    /// What, and where the answer goes.
    pub ask: Ask,
}

/// Answers every kind of question: the loop.
pub trait Answers {
    /// Answers one, with what answers that question and nothing else.
    fn answer<Q: Question>(&mut self, actor: &Actor, question: Q) -> Result<Q::Answer, Refusal>;
}

/// A question that the queue takes.
pub trait Queued: Question {
    /// The question with its way back.
    fn with(self, reply: ReplyTo<Self>) -> Ask;
}

macro_rules! questions {
    ($($name:ident($question:ty)),* $(,)?) => {
        /// A question, and where its answer goes.
        #[derive(Debug)]
        pub enum Ask {
            $($name($question, ReplyTo<$question>),)*
        }

        impl Asked {
            /// Has the question answered, and passes the answer on. Whoever gave up waiting is not told.
            pub fn answer(self, by: &mut impl Answers) {
                match self.ask {
                    $(Ask::$name(question, reply) => {
                        let _ = reply.send(by.answer(&self.actor, question));
                    })*
                }
            }
        }

        $(impl Queued for $question {
            fn with(self, reply: ReplyTo<Self>) -> Ask {
                Ask::$name(self, reply)
            }
        })*
    };
}

questions! {
    Intent(Intent),
    People(ask::People),
    Person(ask::Person),
    Grant(ask::Grant),
    Devices(ask::Devices),
    Device(ask::Device),
    DeviceNames(ask::DeviceNames),
    Status(ask::Status),
    Figures(ask::Figures),
    Network(ask::Network),
    Change(ask::Change),
    Members(MembersAsk),
    Interview(Interview),
    Expected(ask::Expected),
    Expect(Expect),
    Unexpect(Unexpect),
    ExportKeys(ask::ExportKeys),
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
    pub async fn ask<Q: Queued>(&self, actor: Actor, question: Q) -> Result<Q::Answer, Refusal> {
        let stopping = || Refusal::StoreUnavailable("the daemon is stopping".into());
        let (reply, answer) = oneshot::channel();
        self.queue.send(Asked { actor, ask: question.with(reply) }).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_that_stops_in_mid_question_is_an_answer_not_a_hang() {
        let (handle, mut asked) = Handle::new();
        let asking = tokio::spawn(async move { handle.ask(Actor::Uid(7), ask::Status).await });
        drop(asked.recv().await.unwrap());
        assert!(matches!(asking.await.unwrap(), Err(Refusal::StoreUnavailable(_))));
    }
}
