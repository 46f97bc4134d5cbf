package words

import "casemate/appliance/wire"

// Reasons are the words for what is not well, by code of package wire.
func Reasons(language string) map[string]Said {
	if language == "fr" {
		return reasonsFrench
	}
	return reasonsEnglish
}

var reasonsEnglish = map[string]Said{
	wire.ReasonFault:    {"the safe stopped working, because it no longer knew its own state", "it is started again by itself; if it comes back: casemated fsck, and keep what it says"},
	wire.ReasonHangs:    {"the safe does not say how it is", "its watchdog starts it again; if it comes back, keep the log (journalctl -u casemate) and call for help"},
	wire.ReasonStopping: {"the safe is being stopped", "wait until it is started again"},
	wire.ReasonClock:    {"nothing is sealed with a clock like this", "see casemated doctor: the time servers, and the network to them"},
	wire.ReasonVolumes:  {"too few volumes are in sync", "casemated raid status says what each asks for"},
	wire.ReasonSpace:    {"a volume is full", "make its file system larger, or replace it by a larger one: casemated raid replace"},
	wire.ReasonToken:    {"the token does not answer", "see what its process says (journalctl -u casemate-hsm), and whether the token is there"},
	wire.ReasonDegraded: {"a volume is not in service: deposits lie on fewer than they should", "casemated raid status says which, why, and what to do"},
	wire.ReasonLate:     {"deposits wait for their timestamp for too long", "see casemated doctor: the timestamp authorities, and the network to them"},
}

var reasonsFrench = map[string]Said{
	wire.ReasonFault:    {"le coffre s'est arrêté de travailler, ne sachant plus son propre état", "il redémarre de lui-même ; si cela revient : casemated fsck, et gardez ce qu'il dit"},
	wire.ReasonHangs:    {"le coffre ne dit pas comment il va", "son chien de garde le redémarre ; si cela revient, gardez le journal (journalctl -u casemate) et demandez de l'aide"},
	wire.ReasonStopping: {"le coffre s'arrête", "attendez qu'il redémarre"},
	wire.ReasonClock:    {"rien n'est scellé avec une telle horloge", "voyez casemated doctor : les serveurs de temps, et le réseau jusqu'à eux"},
	wire.ReasonVolumes:  {"trop peu de volumes sont à jour", "casemated raid status dit ce que chacun demande"},
	wire.ReasonSpace:    {"un volume est plein", "agrandissez son système de fichiers, ou remplacez-le par un plus grand : casemated raid replace"},
	wire.ReasonToken:    {"le jeton ne répond pas", "voyez ce que dit son processus (journalctl -u casemate-hsm), et si le jeton est là"},
	wire.ReasonDegraded: {"un volume n'est pas en service : les dépôts sont sur moins de volumes qu'il ne faut", "casemated raid status dit lequel, pourquoi, et que faire"},
	wire.ReasonLate:     {"des dépôts attendent leur horodatage depuis trop longtemps", "voyez casemated doctor : les autorités d'horodatage, et le réseau jusqu'à elles"},
}
