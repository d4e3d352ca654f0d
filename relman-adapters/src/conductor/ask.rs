use std::sync::Arc;

use futures::future::join_all;
use relman_core::{
    judge::{Answer, Arm, Observation},
    machine::{Input, Look, LookQuestion, Question},
    port::{Deployment, MetricQuery, Target, with_causes},
    unit::Window,
};

use super::{perform::bounded, ports::Ports};

/// Finds out what the machine wants to know. Never fails: what could not be found out is part of the answer.
pub(super) async fn ask(ports: Arc<Ports>, question: Question) -> Input {
    match question {
        Question::Look(question) => Input::Look(look(&ports, question).await),
        Question::Traffic(target) => Input::Traffic { deployment: traffic(&ports, &target).await },
    }
}

async fn look(ports: &Ports, question: LookQuestion) -> Look {
    let pairs = question.queries.iter().flat_map(|query| question.arms.iter().map(move |arm| (query, *arm)));
    let observations = join_all(pairs.map(|(query, arm)| observe(ports, query, arm, question.window)));
    let (deployment, observations) = tokio::join!(traffic(ports, &question.target), observations);
    Look {
        step: question.step,
        window: question.window,
        deployment,
        tolerance: ports.deployer.capabilities().share_tolerance,
        observations,
    }
}

async fn observe(ports: &Ports, query: &MetricQuery, arm: Arm, window: Window) -> Observation {
    let answer = bounded(ports.limits.call_time, ports.metrics.observe(query, arm, window)).await;
    answer.unwrap_or_else(|detail| Observation {
        metric: query.metric.clone(),
        arm,
        window,
        source: ports.metrics.name().to_owned(),
        answer: Answer::ProviderError { detail },
    })
}

async fn traffic(ports: &Ports, target: &Target) -> Result<Deployment, String> {
    match bounded(ports.limits.call_time, ports.deployer.observe(target)).await {
        Ok(Ok(deployment)) => Ok(deployment),
        Ok(Err(error)) => Err(with_causes(&error)),
        Err(detail) => Err(detail),
    }
}
