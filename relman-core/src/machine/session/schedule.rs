use super::{
    Call, CallUrgency, LeaveTarget, Request, Session,
    call::{Purpose, Running, ended},
};
use crate::{
    event::EffectId,
    machine::{Effect, Inquiry, Outstanding, PhaseName},
    port::{DeployRequest, Notification, PromoteRequest, Target, TrafficRequest},
    target::LeftAs,
    unit::{Timestamp, Window},
};

/// What to call next. Decided anew after every input, on what is stored alone.
impl Session {
    pub(super) fn schedule(&mut self) {
        if !self.is_ready() {
            return;
        }
        self.abort_what_is_not_wanted();
        if self.stopping {
            return;
        }
        let Some(target) = self.release.target() else {
            return;
        };
        self.carry_out_effects(&target);
        self.ask(&target);
        self.check_flows();
    }

    /// Back beats forward: what a rollback has made pointless is not waited for.
    fn abort_what_is_not_wanted(&mut self) {
        let release = &self.release;
        let not_wanted: Vec<_> = self
            .calls
            .iter()
            .filter(|(_, running)| match &running.purpose {
                Purpose::Effect(effect) | Purpose::Doubt(effect) => {
                    !release.outstanding().contains_key(effect)
                }
                Purpose::Look(_) | Purpose::Incidents(_) => release.phase().step().is_none(),
                Purpose::Confirm => release.phase().name() != PhaseName::RollingBack,
                Purpose::Preflight => !release.awaits_platform(self.stream_now()),
                // A check of the user flows has no outcome that anybody waits for.
                Purpose::Flows => self.stopping || release.flows_to_check().is_none(),
            })
            .map(|(id, _)| *id)
            .collect();
        for id in not_wanted {
            ended(&mut self.calls, id);
            self.abort(id);
        }
        let outstanding = self.release.outstanding();
        self.in_doubt.retain(|effect| outstanding.contains_key(effect));
        self.not_shown.retain(|effect| outstanding.contains_key(effect));
    }

    fn carry_out_effects(&mut self, target: &Target) {
        let now = self.stream_now();
        let due: Vec<(EffectId, Outstanding)> = self
            .release
            .outstanding()
            .iter()
            .filter(|(_, one)| one.due.is_due(now))
            .map(|(id, one)| (*id, one.clone()))
            .collect();
        for (effect, wanted) in due {
            // Back waits for nobody.
            if self.others_drive && !wanted.effect.takes_everybody_back() {
                if self.now < self.act_after {
                    continue;
                }
                if !self.fresh && !self.is_under_way(effect) {
                    self.read_after_head();
                    continue;
                }
            }
            if wanted.effect.is_notification() {
                if !self.is_under_way(effect) {
                    self.start_effect(effect, &wanted, target);
                }
            } else if !self.is_changing() && !self.comes_after_another(effect, &wanted.effect) {
                self.change(effect, &wanted, target);
            }
        }
    }

    /// A version becomes the stable one once it has all of the traffic: not before that was set.
    fn comes_after_another(&self, effect: EffectId, wanted: &Effect) -> bool {
        let mut before = self.release.outstanding().range(..effect);
        *wanted == Effect::Promote && before.any(|(_, one)| matches!(one.effect, Effect::SetTraffic { .. }))
    }

    /// Brings one change of the platform forward: finds out whether it is made, hears what others have decided, makes it.
    fn change(&mut self, effect: EffectId, wanted: &Outstanding, target: &Target) {
        let in_doubt = self.in_doubt.contains(&effect) && !self.not_shown.contains(&effect);
        // To take traffic away once more is harmless, and does not wait.
        if in_doubt && wanted.effect.exposes_users() {
            let request = Request::ObservePlatform(target.clone());
            return self.start(Purpose::Doubt(effect), request, CallUrgency::Ordinary);
        }
        if wanted.effect.goes_forward() && !self.fresh {
            return self.read_after_head();
        }
        self.start_effect(effect, wanted, target);
    }

    fn start_effect(&mut self, effect: EffectId, wanted: &Outstanding, target: &Target) {
        let (target, key) = (target.clone(), wanted.key.clone());
        let urgency = match &wanted.effect {
            Effect::SetTraffic { share, .. } if share.is_zero() => CallUrgency::Back,
            Effect::SetTraffic { .. }
            | Effect::Deploy { .. }
            | Effect::Promote
            | Effect::LeaveTarget { .. } => CallUrgency::Ordinary,
            Effect::Notify { .. } => CallUrgency::Message,
        };
        let request = match &wanted.effect {
            Effect::Deploy { environment } => {
                let environment = *environment;
                Request::Deploy(DeployRequest { target, environment, key, generation: effect.record })
            }
            Effect::SetTraffic { share, cut } => {
                let request = TrafficRequest::new(target, *share, key).with_generation(effect.record);
                Request::SetTraffic(if *cut { request.with_cut() } else { request })
            }
            Effect::Promote => {
                Request::Promote(PromoteRequest::new(target, key).with_generation(effect.record))
            }
            Effect::LeaveTarget { how } => {
                let admission = self.release.admission();
                let place = admission.map(|admission| match how {
                    LeftAs::Promoted => admission.promotion.stable_after(admission.place),
                    LeftAs::RolledBack | LeftAs::Aborted => admission.place,
                });
                let (target, release) = (target.name, target.release);
                let (how, place, head) = (*how, place.unwrap_or_default(), self.stored);
                Request::LeaveTarget(LeaveTarget { target, release, how, place, head, key })
            }
            Effect::Notify { moment, audience, channel, urgency, title, body } => {
                Request::Notify(Notification {
                    release: target.release,
                    drill: self.release.is_drill(),
                    moment: *moment,
                    audience: audience.to_string(),
                    channel: channel.clone(),
                    urgency: *urgency,
                    title: title.clone(),
                    body: body.clone(),
                    key,
                })
            }
        };
        if !wanted.effect.is_notification() {
            self.in_doubt.insert(effect);
            self.not_shown.remove(&effect);
        }
        self.start(Purpose::Effect(effect), request, urgency);
    }

    fn ask(&mut self, target: &Target) {
        match self.release.question(self.stream_now()) {
            None => {}
            Some(Inquiry::Traffic(target)) => {
                let runs = self.runs(|purpose| matches!(purpose, Purpose::Confirm));
                if !runs && self.now >= self.confirm_after {
                    self.start(Purpose::Confirm, Request::ObservePlatform(target), CallUrgency::Back);
                }
            }
            Some(Inquiry::Preflight(asked)) => {
                let runs = self.runs(|purpose| matches!(purpose, Purpose::Preflight));
                if runs || self.now < self.platform_after {
                    return;
                }
                // Another conductor may have entered production.
                if !self.fresh {
                    return self.read_after_head();
                }
                self.start(Purpose::Preflight, Request::Preflight(asked), CallUrgency::Ordinary);
            }
            Some(Inquiry::Look(question)) => {
                if self.now < self.look_after || self.runs(|purpose| matches!(purpose, Purpose::Look(_))) {
                    return;
                }
                if self.others_drive && !self.fresh {
                    return self.read_after_head();
                }
                let mut asked = question.clone();
                asked.window = self.own_window(question.window);
                for query in &mut asked.queries {
                    query.since = query.since.map(|since| self.own_time(since));
                }
                self.list_incidents(target, asked.window);
                self.start(Purpose::Look(question), Request::Measure(asked), CallUrgency::Ordinary);
            }
        }
    }

    /// Asks the source of incidents, where there is one, about the time since it last answered.
    fn list_incidents(&mut self, target: &Target, look: Window) {
        if self.config.incidents.is_none() || self.runs(|purpose| matches!(purpose, Purpose::Incidents(_))) {
            return;
        }
        let window = Window { from: self.heard_until.unwrap_or(look.from), until: look.until };
        let request = Request::ListIncidents { service: target.service.clone(), window };
        self.start(Purpose::Incidents(window), request, CallUrgency::Aside);
    }

    fn check_flows(&mut self) {
        if self.now < self.flows_after || !self.wants_flows() {
            return;
        }
        if let Some(service) = self.release.flows_to_check().cloned() {
            self.start(Purpose::Flows, Request::CheckFlows(service), CallUrgency::Aside);
        }
    }

    /// Whether the user flows are to be checked now and then, and are not being checked.
    fn wants_flows(&self) -> bool {
        self.config.check_flows_every.is_some()
            && self.release.flows_to_check().is_some()
            && !self.runs(|purpose| matches!(purpose, Purpose::Flows))
    }

    /// When something is due next that nothing else would bring about.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        let stream = self.stream_now();
        let deadline = self.release.next_deadline(stream).map(|at| self.own_time(at));
        let pause = match self.release.question(stream) {
            Some(Inquiry::Look(_)) => Some(self.look_after),
            Some(Inquiry::Traffic(_)) => Some(self.confirm_after),
            Some(Inquiry::Preflight(_)) => Some(self.platform_after),
            None => None,
        };
        let pause = pause.filter(|at| *at > self.now);
        let theirs =
            (self.others_drive && self.act_after > self.now && !self.release.outstanding().is_empty())
                .then_some(self.act_after);
        let flows = (self.flows_after > self.now && self.wants_flows()).then_some(self.flows_after);
        let next =
            if self.stopping { None } else { [deadline, pause, theirs, flows].into_iter().flatten().min() };
        // A deadline that the tolerated difference of two clocks has put off.
        next.map(|at| if at <= self.now { self.now + crate::unit::Span::from_secs(1) } else { at })
    }

    fn own_window(&self, window: Window) -> Window {
        Window { from: self.own_time(window.from), until: self.own_time(window.until) }
    }

    fn is_under_way(&self, effect: EffectId) -> bool {
        self.runs(|purpose| matches!(purpose, Purpose::Effect(id) if *id == effect))
    }

    /// Whether a change of the platform is under way, or being brought forward.
    fn is_changing(&self) -> bool {
        self.runs(|purpose| match purpose {
            Purpose::Effect(id) | Purpose::Doubt(id) => {
                self.release.outstanding().get(id).is_none_or(|one| !one.effect.is_notification())
            }
            Purpose::Look(_)
            | Purpose::Confirm
            | Purpose::Preflight
            | Purpose::Flows
            | Purpose::Incidents(_) => false,
        })
    }

    fn runs(&self, which: impl Fn(&Purpose) -> bool) -> bool {
        self.calls.values().any(|running| which(&running.purpose))
    }

    fn start(&mut self, purpose: Purpose, request: Request, urgency: CallUrgency) {
        let id = self.call_id();
        let deadline = self.now + self.config.call_time;
        self.calls.insert(id, Running { purpose, deadline });
        self.out_calls.push_back(Call { id, request, urgency, deadline });
    }
}
