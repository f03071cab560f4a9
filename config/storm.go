package config

// The modes of storm control.
const (
	StormBound   = "bound"
	StormObserve = "observe"
	StormOff     = "off"
)

// What a refused client is told.
const (
	AnswerAuto   = "auto"
	AnswerStop   = "stop"
	AnswerReturn = "return"
	AnswerPlain  = "plain"
)
