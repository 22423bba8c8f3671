//! The conversation between a native thread and JavaScript. The thread sends messages, which JavaScript takes in their order,
//! and asks for things, which JavaScript answers when it has them. Neither waits for the other, except where a native
//! thread chooses to wait for its answer.

use std::collections::HashMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::{Function, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use serde::Serialize;

use crate::args;
use crate::js::Fault;
use session_groups::error::{Error, Result};
use session_groups::executor;

/// The function of JavaScript that is called once messages are there. It keeps the process alive.
type Wake = ThreadsafeFunction<(), Unknown<'static>, (), Status, false>;

/// Takes the answer to a question: text, or a failure.
type Answered = Box<dyn FnOnce(Result<String>) + Send>;

/// One conversation. Its copies are the same.
#[derive(Clone, Default)]
pub struct Bridge(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Set while the conversation is open.
    wake: Option<Arc<Wake>>,
    /// Messages that JavaScript has not taken yet, as JSON texts.
    messages: Vec<String>,
    questions: HashMap<u32, Answered>,
    asked: u32,
}

/// A question, as JavaScript gets it.
#[derive(Serialize)]
struct Question<'a, T> {
    kind: &'a str,
    #[serde(rename = "question")]
    number: u32,
    #[serde(flatten)]
    details: T,
}

impl Bridge {
    /// Opens the conversation. `wake` is called on JavaScript's thread when there are messages. `ended` is called when the
    /// environment ends before the conversation is closed.
    pub fn open(
        &self,
        env: &Env,
        wake: Unknown<'_>,
        ended: impl FnOnce() + 'static,
    ) -> std::result::Result<(), Fault> {
        if !args::is_function(wake) {
            return Err(args::wrong(env, "wake", "a function", wake));
        }
        // SAFETY: it is a function, as just checked.
        let wake: Function<'_, (), Unknown<'static>> = unsafe { wake.cast() }?;
        let end = EndOnDrop { bridge: self.clone(), ended: Some(Box::new(ended)) };
        let wake = wake.build_threadsafe_function().build_callback(move |_| {
            // Owned by the function, to be dropped with it when the environment ends.
            let _ = &end;
            Ok(())
        })?;
        self.state().wake = Some(Arc::new(wake));
        Ok(())
    }

    /// Sends a message. It is lost if the conversation is closed.
    pub fn send(&self, message: &impl Serialize) {
        // Nothing that is sent can fail to become JSON: all keys are strings.
        if let Ok(text) = serde_json::to_string(message) {
            self.send_text(text);
        }
    }

    /// Asks for something. The answer comes on JavaScript's thread, or a failure when the conversation is closed.
    pub fn ask(
        &self,
        kind: &str,
        details: &impl Serialize,
        answered: impl FnOnce(Result<String>) + Send + 'static,
    ) {
        let question = {
            let mut state = self.state();
            if state.wake.is_none() {
                drop(state);
                return answered(Err(over()));
            }
            state.asked = state.asked.wrapping_add(1);
            let question = state.asked;
            state.questions.insert(question, Box::new(answered));
            question
        };
        self.send(&Question { kind, number: question, details });
    }

    /// Asks for something and waits for the answer. Never called on JavaScript's thread.
    pub fn ask_and_wait(&self, kind: &str, details: &impl Serialize) -> Result<String> {
        let (sender, receiver) = sync_channel(1);
        self.ask(kind, details, move |answer| drop(sender.send(answer)));
        executor::block(|| receiver.recv()).unwrap_or_else(|_| Err(over()))
    }

    /// Takes the messages that are there, as the text of an array.
    pub fn take(&self) -> String {
        format!("[{}]", std::mem::take(&mut self.state().messages).join(","))
    }

    /// Answers a question.
    pub fn answer(&self, question: u32, answer: Result<String>) {
        let answered = self.state().questions.remove(&question);
        if let Some(answered) = answered {
            answered(answer);
        }
    }

    /// Closes the conversation. Open questions fail.
    pub fn close(&self) {
        let state = std::mem::take(&mut *self.state());
        for answered in state.questions.into_values() {
            answered(Err(over()));
        }
        // The function is released without holding the lock: its end may close the conversation again.
        drop(state.wake);
    }

    fn send_text(&self, text: String) {
        let mut state = self.state();
        let Some(wake) = state.wake.clone() else { return };
        state.messages.push(text);
        let is_first = state.messages.len() == 1;
        drop(state);
        if is_first {
            wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn over() -> Error {
    Error::internal("JavaScript's environment has ended")
}

/// Ends a conversation when its function is released, by the end of the environment or because it was closed.
struct EndOnDrop {
    bridge: Bridge,
    ended: Option<Box<dyn FnOnce()>>,
}

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        let is_open = self.bridge.state().wake.is_some();
        self.bridge.close();
        if let Some(ended) = self.ended.take().filter(|_| is_open) {
            ended();
        }
    }
}
