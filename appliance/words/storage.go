package words

import (
	"strings"
)

// Storage is what is said of a mirror and its volumes, by the names that package raid gives states and
// causes. In the hints of Causes {id} stands for the volume and {dir} for its folder.
type Storage struct {
	Names   map[string]string // of the mirror's states
	States  map[string]Said   // of the mirror
	Volumes map[string]string
	Causes  map[string]Said
	Asked   map[string]string // what a volume of this state asks for whatever the cause; missing: see Causes
}

// StorageIn gives the words in a language.
func StorageIn(language string) *Storage {
	if language == "fr" {
		return &storageFrench
	}
	return &storageEnglish
}

// Todo is what a person is to do about a volume; empty when it asks for nothing.
func (s *Storage) Todo(state, cause, id, dir string) string {
	hint := s.Asked[state]
	if hint == "" && state != "in-sync" && state != "spare" && state != "syncing" {
		hint = s.Causes[cause].Hint
		if hint == "" {
			hint = s.Causes["other"].Hint
		}
	}
	return strings.NewReplacer("{id}", Short(id), "{dir}", dir).Replace(hint)
}

// Short is the beginning of an identity that commands take for the whole.
func Short(id string) string {
	if len(id) > 8 {
		return id[:8]
	}
	return id
}

var storageEnglish = Storage{
	Names: map[string]string{
		"healthy": "healthy", "degraded": "degraded", "resilvering": "resilvering", "read-only": "read-only", "refused": "refused",
	},
	States: map[string]Said{
		"healthy":     {"every volume is in sync", ""},
		"degraded":    {"the safe works, with fewer copies than it should have", "do what stands beside the volume that is not in sync; until then do not touch the others"},
		"resilvering": {"the safe works, and a volume is being brought up", "nothing, but to watch it come to its end"},
		"read-only":   {"documents can be read; nothing is taken any more", "bring a volume back, as stands beside it; deposits are taken again by themselves when enough are in sync"},
		"refused":     {"the safe does not open before two persons have decided what is true", "`casemated raid decide` tells the choices and what each would lose"},
	},
	Volumes: map[string]string{
		"in-sync": "in sync", "syncing": "syncing", "faulted": "faulted", "spare": "spare", "missing": "missing", "detached": "detached",
	},
	Causes: map[string]Said{
		"gone":      {"no volume is in its folder", "mount its disk on {dir} again; if the disk is lost, mount a new one on an empty folder and: casemated raid replace {id} NEWDIR"},
		"died":      {"its process ended", "it is started again by itself; if it goes on dying, the disk or the machine's log (dmesg) says why: casemated raid replace {id} NEWDIR"},
		"silent":    {"it did not answer in time", "see whether the disk hangs (dmesg); it comes back by itself when it answers, else: casemated raid replace {id} NEWDIR"},
		"sync":      {"its disk failed to write", "do not trust this disk again: mount a new one on an empty folder and: casemated raid replace {id} NEWDIR"},
		"database":  {"its database does not open", "if the disk is sound, have it filled anew: casemated raid resilver {id} --whole; else: casemated raid replace {id} NEWDIR"},
		"errors":    {"too many of its values were bad", "the disk is probably dying: casemated raid replace {id} NEWDIR; if it was checked and is sound: casemated raid resilver {id} --whole"},
		"read-only": {"its file system was mounted again read-only", "see why (dmesg); once it is sound and mounted for writing: casemated raid resilver {id}; else: casemated raid replace {id} NEWDIR"},
		"unmounted": {"another file system lies at its folder", "mount its disk on {dir} again, then: casemated raid resilver {id}; if the disk is dead: casemated raid replace {id} NEWDIR"},
		"foreign":   {"what lies there is not a volume of this mirror, or no longer one", "bring back the right disk; or, if what is on it may be lost, empty {dir} and: casemated raid replace {id} {dir}"},
		"space":     {"its disk is full", "make room on the file system of {dir}, then: casemated raid resilver {id}"},
		"behind":    {"it lacks batches that the others have", "it is brought up by itself; to begin at once: casemated raid resilver {id}"},
		"other":     {"it is not in sync", "casemated doctor tells more; to try at once: casemated raid resilver {id}"},
	},
	Asked: map[string]string{
		"detached": "when it is back on {dir}: casemated raid resilver {id}; if it stays away for good: casemated raid remove {id}",
	},
}

var storageFrench = Storage{
	Names: map[string]string{
		"healthy": "sain", "degraded": "dégradé", "resilvering": "en remise à jour", "read-only": "en lecture seule", "refused": "refusé",
	},
	States: map[string]Said{
		"healthy":     {"tous les volumes sont à jour", ""},
		"degraded":    {"le coffre travaille, avec moins de copies qu'il ne devrait", "faites ce qui est dit du volume qui n'est pas à jour ; d'ici là ne touchez pas aux autres"},
		"resilvering": {"le coffre travaille, et un volume est remis à jour", "rien, que de le voir aboutir"},
		"read-only":   {"les documents se lisent ; rien n'est plus reçu", "faites revenir un volume, comme il est dit à côté ; les dépôts reprennent d'eux-mêmes quand assez de volumes sont à jour"},
		"refused":     {"le coffre ne s'ouvre pas avant que deux personnes aient décidé ce qui est vrai", "« casemated raid decide » dit les choix et ce que chacun perdrait"},
	},
	Volumes: map[string]string{
		"in-sync": "à jour", "syncing": "mise à jour", "faulted": "en défaut", "spare": "réserve", "missing": "absent", "detached": "détaché",
	},
	Causes: map[string]Said{
		"gone":      {"il n'y a pas de volume dans son dossier", "remontez son disque sur {dir} ; si le disque est perdu, montez-en un neuf sur un dossier vide, puis : casemated raid replace {id} NEWDIR"},
		"died":      {"son processus s'est arrêté", "il repart de lui-même ; s'il s'arrête encore, le disque ou le journal de la machine (dmesg) dit pourquoi : casemated raid replace {id} NEWDIR"},
		"silent":    {"il n'a pas répondu à temps", "voyez si le disque est bloqué (dmesg) ; il revient de lui-même quand il répond, sinon : casemated raid replace {id} NEWDIR"},
		"sync":      {"son disque n'a pas pu écrire", "ne vous fiez plus à ce disque : montez-en un neuf sur un dossier vide, puis : casemated raid replace {id} NEWDIR"},
		"database":  {"sa base ne s'ouvre pas", "si le disque est sain, faites-le remplir à neuf : casemated raid resilver {id} --whole ; sinon : casemated raid replace {id} NEWDIR"},
		"errors":    {"trop de ses valeurs étaient mauvaises", "le disque se meurt sans doute : casemated raid replace {id} NEWDIR ; s'il a été contrôlé et qu'il est sain : casemated raid resilver {id} --whole"},
		"read-only": {"son système de fichiers est passé en lecture seule", "voyez pourquoi (dmesg) ; une fois sain et remonté en écriture : casemated raid resilver {id} ; sinon : casemated raid replace {id} NEWDIR"},
		"unmounted": {"un autre système de fichiers est à la place du sien", "remontez son disque sur {dir}, puis : casemated raid resilver {id} ; si le disque est mort : casemated raid replace {id} NEWDIR"},
		"foreign":   {"ce qui est là n'est pas, ou n'est plus, un volume de ce miroir", "remettez le bon disque ; ou, si ce qu'il porte peut être perdu, videz {dir}, puis : casemated raid replace {id} {dir}"},
		"space":     {"son disque est plein", "faites de la place sur le système de fichiers de {dir}, puis : casemated raid resilver {id}"},
		"behind":    {"il lui manque des écritures que les autres ont", "il est remis à jour de lui-même ; pour commencer tout de suite : casemated raid resilver {id}"},
		"other":     {"il n'est pas à jour", "casemated doctor en dit plus ; pour essayer tout de suite : casemated raid resilver {id}"},
	},
	Asked: map[string]string{
		"detached": "quand il sera revenu sur {dir} : casemated raid resilver {id} ; s'il ne revient plus : casemated raid remove {id}",
	},
}
