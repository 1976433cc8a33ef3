//! Any bytes as a payload of the state store: as a request, a reply of each kind, a notification.
//! Nothing panics, and what is accepted is written, read again, and the same.

use catena_store::{Answer, Command, GroupResult, Keys, Notification, Page, Reply, Results};

/// One run of the target.
pub fn run(data: &[u8]) {
    let mut out = Vec::new();
    if let Ok(command) = Command::parse(data) {
        command.encode(&mut out);
        assert_eq!(Command::parse(&out), Ok(command));
        let mut keys = 0;
        command.keys(|key, _| keys += usize::from(!key.is_empty()));
        assert!(keys <= data.len());
    }
    if let Ok(reply) = Reply::parse(data) {
        out.clear();
        reply.encode(&mut out);
        assert_eq!(Reply::parse(&out), Ok(reply));
    }
    if let Ok(notification) = Notification::parse(data) {
        out.clear();
        notification.encode(&mut out);
        assert_eq!(Notification::parse(&out), Ok(notification));
    }
    if let Ok(Answer::Done(page)) = Page::parse(data) {
        assert_eq!(page.keys.iter().count(), page.keys.len());
    }
    if let Ok(Answer::Done(results)) = Results::parse(data) {
        assert_eq!(results.iter().count(), results.len());
    }
    if let Ok(Answer::Done(GroupResult::Applied(results))) = GroupResult::parse(data) {
        assert_eq!(results.iter().count(), results.len());
    }
    if let Ok(Answer::Done(names)) = Keys::parse_features(data) {
        assert_eq!(names.iter().count(), names.len());
    }
}
