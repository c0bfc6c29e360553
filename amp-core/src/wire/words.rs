//! What became of a message, how, and on what ground that is said (provider API; delivery, notify).

open_words! {
    /// Where a message is: in exactly one of these.
    pub enum DeliveryStatus(OtherDeliveryStatus) {
        /// It was handed over, as [`Basis`] says.
        Delivered = "delivered",
        /// It waits for the recipient.
        Queued = "queued",
        /// It waits for a person of the provider's.
        Quarantined = "quarantined",
        /// It was not accepted, and will not be delivered.
        Failed = "failed",
    }
}

open_words! {
    /// The way that a message took.
    pub enum DeliveryMethod(OtherDeliveryMethod) {
        /// Over the recipient's WebSocket.
        WebSocket = "websocket",
        /// To the recipient's webhook.
        Webhook = "webhook",
        /// Into the relay queue.
        Relay = "relay",
        /// To another host of the same provider.
        Mesh = "mesh",
        /// Into a mailbox on the provider's own machine.
        Local = "local",
    }
}

open_words! {
    /// What was proven when a message was called delivered. Nothing stronger follows from it.
    pub enum Basis(OtherBasis) {
        /// It stands in a mailbox on disk.
        MailboxWritten = "mailbox_written",
        /// It was written to a socket; nobody has said that it was read there.
        SocketWritten = "socket_written",
        /// A webhook answered 2xx.
        Webhook2xx = "webhook_2xx",
        /// It waits in the relay queue.
        Queued = "queued",
    }
}

open_words! {
    /// How a provider says it is.
    pub enum HealthStatus(OtherHealthStatus) {
        /// All is well.
        Healthy = "healthy",
        /// It works with restrictions.
        Degraded = "degraded",
        /// It does not work.
        Unhealthy = "unhealthy",
    }
}
