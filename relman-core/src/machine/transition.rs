use super::PhaseName::{
    self, Aborted, Closed, Completed, Planning, Releasing, RolledBack, RollingBack, Staging, Unplanned,
    Validating,
};
use crate::event::Event;

/// Every legal move from one phase to another.
///
/// There is none that leaves out a phase, none into production past staging, none out of a rollback but its
/// confirmation, and none to `Completed` but from `Validating`.
pub const MOVES: [(PhaseName, PhaseName); 14] = [
    (Unplanned, Planning),
    (Planning, Staging),
    (Planning, Aborted),
    (Staging, Releasing),
    (Staging, Aborted),
    (Releasing, Validating),
    (Releasing, RollingBack),
    (Validating, Completed),
    (Validating, RollingBack),
    (Completed, RollingBack),
    (RollingBack, RolledBack),
    (Completed, Closed),
    (RolledBack, Closed),
    (Aborted, Closed),
];

/// Whether a release may go from one phase to another.
pub(super) fn is_legal(from: PhaseName, to: PhaseName) -> bool {
    MOVES.contains(&(from, to))
}

/// The phases in which an event may happen, and the phase it leads to where it leads anywhere.
pub(super) fn rule(event: &Event) -> (&'static [PhaseName], Option<PhaseName>) {
    const RUNNING: &[PhaseName] = &[Planning, Staging, Releasing, Validating];
    const IN_PRODUCTION: &[PhaseName] = &[Releasing, Validating];
    const STARTED: &[PhaseName] =
        &[Planning, Staging, Releasing, Validating, RollingBack, Completed, RolledBack, Aborted, Closed];
    const OPEN: &[PhaseName] =
        &[Planning, Staging, Releasing, Validating, RollingBack, Completed, RolledBack, Aborted];
    match event {
        Event::PlanRecorded(_) => (&[Unplanned], Some(Planning)),
        Event::PlanRevised(_) | Event::PlanApproved(_) => (&[Planning], None),
        Event::GatePassed(_) | Event::GateFailed(_) => (RUNNING, None),
        Event::StagingStarted(_) => (&[Planning], Some(Staging)),
        Event::Deployed(_) => (&[Staging, Releasing], None),
        Event::CheckRecorded(_) => (&[Staging, Validating], None),
        Event::TargetAdmitted(_) | Event::PlatformObserved(_) => (&[Staging], None),
        Event::RolloutStarted(_) => (&[Staging], Some(Releasing)),
        Event::StepStarted(_) => (&[Releasing], None),
        Event::TrafficSet(_) => (&[Releasing, Validating, RollingBack, Completed], None),
        Event::TrafficDrifted(_) | Event::Evaluated(_) => (IN_PRODUCTION, None),
        Event::ContractBreached(_) => (IN_PRODUCTION, None),
        Event::ClockSkewed(_) => (STARTED, None),
        Event::EffectFailed(_) | Event::Notified(_) | Event::NotificationAbandoned(_) => (STARTED, None),
        Event::HoldPlaced(_) => (RUNNING, None),
        Event::HoldReleased(_) => (RUNNING, None),
        Event::ValidationStarted(_) => (&[Releasing], Some(Validating)),
        // Also before production is entered, for when it is.
        Event::OnCallAcknowledged(_) | Event::OnCallHandedOver(_) | Event::CoverLapsed(_) => (RUNNING, None),
        // Of a release that is complete, the way back.
        Event::OverrideGranted(_) | Event::OverrideExpired(_) => {
            (&[Planning, Staging, Releasing, Validating, Completed], None)
        }
        Event::PostMortemOpened(_) => (OPEN, None),
        Event::PostMortemFiled(_) => (OPEN, None),
        Event::LessonRecorded(_) | Event::ActionItemOpened(_) | Event::ActionItemSettled(_) => {
            (STARTED, None)
        }
        Event::ComplaintRecorded(_) | Event::ComplaintWithdrawn(_) => {
            (&[Releasing, Validating, RollingBack, Completed, RolledBack], None)
        }
        Event::IncidentReported(_) | Event::IncidentEnded(_) => {
            (&[Releasing, Validating, RollingBack, Completed, RolledBack], None)
        }
        Event::RollbackStarted(_) => (&[Releasing, Validating, Completed], Some(RollingBack)),
        Event::RollbackUnconfirmed(_)
        | Event::ZeroTrafficObserved(_)
        | Event::PinnedUsersObserved(_)
        | Event::PinnedUsersCut(_) => (&[RollingBack], None),
        Event::RollbackConfirmed(_) => (&[RollingBack], Some(RolledBack)),
        Event::PromotionStarted(_) | Event::Promoted(_) => (&[Validating], None),
        Event::TargetLeft(_) => (&[Completed, RolledBack, Aborted, Closed], None),
        Event::ReleaseCompleted(_) => (&[Validating], Some(Completed)),
        Event::ReleaseAborted(_) => (&[Planning, Staging], Some(Aborted)),
        Event::ReleaseClosed(_) => (&[Completed, RolledBack, Aborted], Some(Closed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_phases_is_a_move_or_is_none() {
        let legal: Vec<String> = PhaseName::ALL
            .iter()
            .flat_map(|from| PhaseName::ALL.iter().map(move |to| (*from, *to)))
            .filter(|(from, to)| is_legal(*from, *to))
            .map(|(from, to)| format!("{from} -> {to}"))
            .collect();
        assert_eq!(
            legal,
            [
                "unplanned -> planning",
                "planning -> staging",
                "planning -> aborted",
                "staging -> releasing",
                "staging -> aborted",
                "releasing -> validating",
                "releasing -> rolling back",
                "validating -> rolling back",
                "validating -> completed",
                "rolling back -> rolled back",
                "completed -> rolling back",
                "completed -> closed",
                "rolled back -> closed",
                "aborted -> closed",
            ]
        );
    }

    #[test]
    fn g3_no_phase_can_be_left_out_on_the_way_to_production() {
        for (from, to) in [
            (Planning, Releasing),
            (Unplanned, Staging),
            (Planning, Validating),
            (Staging, Validating),
            (Releasing, Completed),
            (Planning, Completed),
            (RollingBack, Releasing),
            (RolledBack, Releasing),
            (Closed, Planning),
        ] {
            assert!(!is_legal(from, to), "{from} -> {to}");
        }
    }

    #[test]
    fn a_phase_that_touched_production_is_left_for_an_end_or_a_rollback() {
        for from in [Releasing, Validating, Completed] {
            assert!(is_legal(from, RollingBack), "{from}");
            assert!(!is_legal(from, Aborted), "{from}");
        }
    }
}
