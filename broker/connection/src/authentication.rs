//! AUTH: enhanced authentication and re-authentication (MQTT 5.0, section 4.12).
//!
//! ```text
//! CONNECT ──> Verifying ──Continue──> AwaitingAuth
//!                │  ^                     │
//!                │  └────── AUTH 0x18 ────┘
//!             Success ──> Connecting ──> CONNACK
//! ```
//! The same runs beside an open connection after AUTH 0x19.

use catena_mqtt::{Auth, Packet, ReasonCode, Version, encode};

use crate::close::Failure;
use crate::connection::{Connection, State};
use crate::{Action, AuthenticationStep, Close, Outbox, Settings, Stats, stats};

/// The broker's judgement of a step.
#[derive(Clone, Copy)]
pub enum AuthAnswer<'d> {
    /// The client has to say more.
    Continue {
        /// What the method sends it. A secret.
        data: Option<&'d [u8]>,
    },
    /// The client is who it says.
    Success {
        /// What the method sends it. A secret.
        data: Option<&'d [u8]>,
    },
    /// It is not.
    Failure {
        /// Why: 0x87 not authorized, or what else fits.
        reason: ReasonCode,
    },
}

/// How far a re-authentication has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reauthentication {
    /// There is none.
    None,
    /// The broker judges.
    Verifying,
    /// The client is to send AUTH.
    AwaitingAuth,
}

impl Connection {
    /// The broker has judged an [`Action::Authenticate`]. Leads to AUTH, to [`Action::Connect`],
    /// or, during a re-authentication, to the end of it.
    ///
    /// # Errors
    /// The connection is over [MQTT-4.12.0-4] [MQTT-4.12.1-2].
    pub fn handle_auth(
        &mut self,
        settings: &Settings,
        answer: AuthAnswer<'_>,
        out: &mut Outbox<'_, '_>,
    ) -> Result<(), Close> {
        let outcome = match (self.state, self.reauthentication) {
            (State::Verifying, _) => self.answer_authentication(answer, out),
            (State::Connected, Reauthentication::Verifying) => {
                self.answer_reauthentication(answer, out.bytes, out.stats)
            }
            // The connection has ended meanwhile.
            _ => Ok(()),
        };
        outcome.map_err(|failure| self.close(settings, failure, out.bytes, out.stats))
    }

    fn answer_authentication(
        &mut self,
        answer: AuthAnswer<'_>,
        out: &mut Outbox<'_, '_>,
    ) -> Result<(), Failure> {
        match answer {
            AuthAnswer::Continue { data } => {
                // [MQTT-4.12.0-2]
                let reason = ReasonCode::ContinueAuthentication;
                self.write_auth(reason, data, out.bytes, out.stats)?;
                self.state = State::AwaitingAuth;
            }
            AuthAnswer::Success { data } => {
                self.state = State::Connecting;
                if let Some(handshake) = &mut self.handshake {
                    handshake.authentication_data = data.map(Box::from);
                    out.actions
                        .extend(handshake.action.take().map(Action::Connect));
                }
            }
            AuthAnswer::Failure { reason } => {
                return Err(Failure::new(reason, "authentication failed"));
            }
        }
        Ok(())
    }

    fn answer_reauthentication(
        &mut self,
        answer: AuthAnswer<'_>,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Failure> {
        match answer {
            AuthAnswer::Continue { data } => {
                self.write_auth(ReasonCode::ContinueAuthentication, data, bytes, stats)?;
                self.reauthentication = Reauthentication::AwaitingAuth;
            }
            AuthAnswer::Success { data } => {
                self.write_auth(ReasonCode::Success, data, bytes, stats)?;
                self.reauthentication = Reauthentication::None;
            }
            AuthAnswer::Failure { reason } => {
                return Err(Failure::new(reason, "re-authentication failed"));
            }
        }
        Ok(())
    }

    /// AUTH, with the method of CONNECT [MQTT-4.12.0-5].
    fn write_auth(
        &self,
        reason: ReasonCode,
        data: Option<&[u8]>,
        bytes: &mut Vec<u8>,
        stats: &mut Stats,
    ) -> Result<(), Failure> {
        let packet = Auth {
            reason,
            authentication_method: self.authentication_method.as_deref(),
            authentication_data: data,
            ..Auth::default()
        };
        if !self.write(bytes, |bytes| encode::auth(bytes, &packet)) {
            return Err(Failure::TOO_LARGE);
        }
        stats.count_sent(stats::AUTH);
        Ok(())
    }

    /// The client's next packet before CONNACK: AUTH or DISCONNECT [MQTT-3.1.2-30].
    pub(crate) fn take_auth<'a>(
        &mut self,
        settings: &Settings,
        first_byte: u8,
        body: &'a [u8],
        out: &mut Outbox<'_, 'a>,
    ) -> Result<(), Failure> {
        let early = Failure::protocol("packet before authentication was complete");
        if !matches!(first_byte >> 4, stats::AUTH | stats::DISCONNECT) {
            return Err(early);
        }
        match Packet::decode_limited(Version::V5, first_byte, body, &settings.limits)? {
            Packet::Disconnect(disconnect) => self.take_disconnect(settings, &disconnect, out),
            Packet::Auth(auth) => {
                let step = AuthenticationStep::Continue;
                self.push_authenticate(&auth, ReasonCode::ContinueAuthentication, step, out)?;
                self.state = State::Verifying;
                Ok(())
            }
            _ => Err(early),
        }
    }

    /// AUTH on an open connection.
    pub(crate) fn take_reauthentication<'a>(
        &mut self,
        auth: &Auth<'a>,
        out: &mut Outbox<'_, 'a>,
    ) -> Result<(), Failure> {
        let (step, expected) = match self.reauthentication {
            Reauthentication::None => (AuthenticationStep::Again, ReasonCode::Reauthenticate),
            Reauthentication::AwaitingAuth => (
                AuthenticationStep::Continue,
                ReasonCode::ContinueAuthentication,
            ),
            Reauthentication::Verifying => {
                return Err(Failure::protocol("AUTH before the last one was answered"));
            }
        };
        self.push_authenticate(auth, expected, step, out)?;
        self.reauthentication = Reauthentication::Verifying;
        Ok(())
    }

    fn push_authenticate<'a>(
        &self,
        auth: &Auth<'a>,
        expected: ReasonCode,
        step: AuthenticationStep,
        out: &mut Outbox<'_, 'a>,
    ) -> Result<(), Failure> {
        let Some(current) = self.authentication_method.as_deref() else {
            return Err(Failure::NO_METHOD);
        };
        // [MQTT-4.12.0-3] [MQTT-4.12.1-1]
        if auth.reason != expected {
            return Err(Failure::protocol("AUTH with a reason code that is not due"));
        }
        match auth.authentication_method {
            Some(method) if method == current => {
                let data = auth.authentication_data;
                out.actions
                    .push(Action::Authenticate { step, method, data });
                Ok(())
            }
            // [MQTT-4.12.0-5]. 0x8C is for a CONNECT whose method is not known.
            Some(_) | None => Err(Failure::protocol("AUTH with another method than CONNECT")),
        }
    }
}
