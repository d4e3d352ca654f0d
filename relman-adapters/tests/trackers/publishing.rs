//! What the trackers have each for itself, and what has to be configured.

#[tokio::test]
async fn nothing_yet() {}
