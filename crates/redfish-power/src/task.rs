//! Tasks, by which services carry out what they have accepted (DSP0266, "Asynchronous operations").

use reqwest::StatusCode;
use reqwest::header;

use crate::Error;
use crate::document::text;
use crate::exchange::Answer;
use crate::message::Message;

/// How far a task is (DSP0268, "TaskState").
pub(crate) enum Progress {
    Running,
    Done,
    Failed(Error),
}

impl Progress {
    pub(crate) fn of(answer: &Answer) -> Self {
        let document = answer.document().unwrap_or_default();
        match text(&document, "TaskState") {
            Some("Exception" | "Killed" | "Cancelled" | "Interrupted") => {
                let state = text(&document, "TaskState").unwrap_or_default().to_owned();
                let messages = Message::all_of(&document);
                Self::Failed(Error::TaskFailed { state, messages })
            }
            Some("Completed") => Self::Done,
            Some(_) => Self::Running,
            None if answer.status == StatusCode::ACCEPTED => Self::Running,
            None => Self::Done,
        }
    }
}

/// Whether this, at a task's monitor, tells how the task ended, and not only that there is nothing to be seen there.
pub(crate) fn is_outcome(error: &Error) -> bool {
    match error {
        Error::Refused { refusal, .. } => {
            !matches!(refusal.status, 401 | 403 | 404 | 405 | 410 | 429 | 503)
        }
        _ => false,
    }
}

/// Where the task can be watched that carries out what was accepted, if the service tells (DSP0266, "Asynchronous
/// operations"). Some accept, and tell nothing.
pub(crate) fn task_of(answer: &Answer) -> Option<String> {
    if answer.status != StatusCode::ACCEPTED {
        return None;
    }
    if let Some(monitor) = answer.header(&header::LOCATION) {
        return Some(monitor.to_owned());
    }
    let document = answer.document()?;
    let is_task = document.get("TaskState").is_some();
    let monitor = text(&document, "TaskMonitor").or_else(|| text(&document, "@odata.id"));
    monitor.filter(|_| is_task).map(str::to_owned)
}
