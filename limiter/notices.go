package limiter

// notices are calls of Notify that are due once the lock is free.
type notices struct {
	few  [4]notice
	n    int
	more []notice
}

type notice struct {
	w *Waiter
	v Verdict
}

func (o *notices) add(w *Waiter, v Verdict) {
	if o.n < len(o.few) {
		o.few[o.n] = notice{w, v}
	} else {
		o.more = append(o.more, notice{w, v})
	}
	o.n++
}

func (o *notices) send() {
	for i := range min(o.n, len(o.few)) {
		o.few[i].w.Notify(o.few[i].w, o.few[i].v)
	}
	for _, m := range o.more {
		m.w.Notify(m.w, m.v)
	}
}
