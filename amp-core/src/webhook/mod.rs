//! Delivery by HTTP POST: signatures, the retry schedule, and which targets may be called at all (delivery, webhooks).
