use async_trait::async_trait;
use relman_core::{
    port::{Notification, Notifier, PortError, Urgency},
    unit::Channel,
};
use tracing::{info, warn};

/// Writes notifications to the program's log: a warning where it is urgent, information otherwise.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogNotifier;

#[async_trait]
impl Notifier for LogNotifier {
    fn name(&self) -> &'static str {
        "log"
    }

    /// Every channel: what is written is seen by whoever reads the log.
    fn serves(&self, _: &Channel) -> bool {
        true
    }

    /// Never fails: a log has nobody to refuse it.
    async fn notify(&self, notification: &Notification) -> Result<(), PortError> {
        let Notification { release, drill, moment, audience, channel, urgency, title, body, key, .. } =
            notification;
        match urgency {
            Urgency::Page => {
                warn!(%release, drill, %moment, audience, %channel, body, key, "{title}");
            }
            Urgency::Inform => {
                info!(%release, drill, %moment, audience, %channel, body, key, "{title}");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::notifier::router::notification;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_page_is_a_warning_and_keeps_its_title() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        LogNotifier.notify(&notification()).await.unwrap();
        LogNotifier.notify(&notification().with_urgency(Urgency::Inform)).await.unwrap();
        drop(guard);
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let [page, inform] = text.lines().collect::<Vec<_>>()[..] else { panic!("two lines: {text}") };
        assert!(page.contains("WARN") && inform.contains("INFO"), "{text}");
        assert!(
            page.contains("[drill] checkout 2.41.0 is being rolled back") && page.contains("drill=true"),
            "{page}"
        );
    }
}
