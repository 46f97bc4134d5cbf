package words

import (
	"regexp"
	"strconv"
	"strings"
)

// Mirror says in a language what a mirror says of itself and its volumes: why one is out, why it does not
// open, what a choice would lose. The mirror says it in English, in clauses between ": " and "; ", and
// that is what its records keep; the clauses are the codes here, and what stands at their verbs the
// parameters. A clause nobody translated, such as the kernel's own words, stays as it is.
func Mirror(language, text string) string {
	if language != "fr" {
		return text
	}
	known := false
	sentences := strings.Split(text, "; ")
	for i, s := range sentences {
		clauses := strings.Split(s, ": ")
		for j, c := range clauses {
			said, ok := clause(c)
			if clauses[j] = said; ok {
				known = true
			}
		}
		sentences[i] = strings.Join(clauses, " : ")
	}
	if !known {
		return text
	}
	return strings.Join(sentences, " ; ")
}

// Why says in the language of these words what a mirror says of itself; see [Mirror].
func (s *Storage) Why(text string) string {
	if s == &storageFrench {
		return Mirror("fr", text)
	}
	return text
}

// clause translates one clause, if it is known.
func clause(text string) (string, bool) {
	for _, c := range mirrorClauses {
		args := c.english.FindStringSubmatch(text)
		if args == nil {
			continue
		}
		said := c.french
		for i, arg := range args[1:] {
			if state := storageFrench.Volumes[arg]; state != "" {
				arg = state
			}
			said = strings.ReplaceAll(said, "{"+strconv.Itoa(i+1)+"}", arg)
		}
		return said, true
	}
	return text, false
}

// mirrorClause is a clause as it is recognised and as it is said in French, {1} for its first verb.
type mirrorClause struct {
	english *regexp.Regexp
	french  string
}

var mirrorClauses = compile(mirrorFrench)

// verbs are how what stands at the verbs of a format is recognised.
var verbs = strings.NewReplacer(`%d`, `(\d+)`, `%q`, `("(?:[^"\\]|\\.)*")`, `%s`, `(.+?)`, `%v`, `(.+?)`)

func compile(list [][2]string) (out []mirrorClause) {
	for _, pair := range list {
		out = append(out, mirrorClause{regexp.MustCompile("^" + verbs.Replace(regexp.QuoteMeta(pair[0])) + "$"), pair[1]})
	}
	return out
}

// mirrorFrench are the clauses by the formats of package raid. The more particular come first.
var mirrorFrench = [][2]string{
	// Why a volume is out.
	{`there is no volume in %q`, `il n'y a pas de volume dans {1}`},
	{`%q does not answer`, `{1} ne répond pas`},
	{`its disk does not answer`, `son disque ne répond pas`},
	{`%q does not hold the volume %s of this mirror`, `{1} ne contient pas le volume {2} de ce miroir`},
	{`%q holds another volume than %s`, `{1} contient un autre volume que {2}`},
	{`the superblock in %q is not authentic`, `le superbloc dans {1} n'est pas authentique`},
	{`the volume in %q belongs to another mirror, %s`, `le volume dans {1} est d'un autre miroir, {2}`},
	{`the volume in %q`, `le volume dans {1}`},
	{`looking at %q`, `en regardant {1}`},
	{`it was retired, or is a copy`, `il a été retiré, ou c'est une copie`},
	{`it was retired`, `il a été retiré`},
	{`taken out`, `il a été sorti`},
	{`it was taken out meanwhile`, `il a été sorti entre-temps`},
	{`it was detached`, `il a été détaché`},
	{`it was not started`, `il n'a pas été démarré`},
	{`it is new and empty`, `il est neuf et vide`},
	{`it is empty`, `il est vide`},
	{`it is not in epoch %d`, `il n'est pas de l'époque {1}`},
	{`it is to be filled anew, as was asked`, `il doit être rempli à neuf, comme demandé`},
	{`it has to be filled anew`, `il faut le remplir à neuf`},
	{`ask for it to be filled anew`, `demandez qu'il soit rempli à neuf`},
	{`it is %d batches behind`, `il a {1} écritures de retard`},
	{`it holds unacknowledged batches after %d`, `il contient des écritures jamais confirmées après la {1}`},
	{`it failed`, `il est tombé en panne`},
	{`it was being filled`, `il était en cours de remplissage`},
	{`being brought up`, `en cours de remise à jour`},
	{`its database does not open`, `sa base ne s'ouvre pas`},
	{`the volume's database does not open`, `la base du volume ne s'ouvre pas`},
	{`its rebuild was not finished`, `son remplissage n'est pas fini`},
	{`its process ended`, `son processus s'est arrêté`},
	{`its process died %d times while opening it`, `son processus est mort {1} fois en l'ouvrant`},
	{`its disk failed`, `son disque est en panne`},
	{`a spare would be better off on another one`, `une réserve serait mieux sur un autre`},
	{`it is emptied once every volume is in sync`, `il sera vidé quand tous les volumes seront à jour`},
	{`it used its budget of errors up`, `il a épuisé son budget d'erreurs`},
	{`%d values were found bad or lost within a day`, `{1} valeurs mauvaises ou perdues en un jour`},
	{`%d values that were repaired do not read back`, `{1} valeurs réparées ne se relisent pas`},
	{`values that were restored do not read back`, `des valeurs restaurées ne se relisent pas`},
	{`too many of its values were bad, or persons asked for it`, `trop de ses valeurs étaient mauvaises, ou on l'a demandé`},
	{`its tail lost more than the manifests kept tell`, `sa fin a perdu plus que n'en disent les manifestes gardés`},
	{`it was away for more than %d epochs, and what it holds cannot be compared`, `il a été absent pendant plus de {1} époques, et ce qu'il contient ne peut être comparé`},
	{`no sign of life`, `aucun signe de vie`},
	{`no answer to batch %d within %v`, `pas de réponse à l'écriture {1} en {2}`},
	{`batch %d refused`, `écriture {1} refusée`},
	{`batch %d`, `écriture {1}`},
	{`recording epoch %d`, `en inscrivant l'époque {1}`},
	{`starting the volume %q`, `en démarrant le volume {1}`},
	{`opening the volume %q`, `en ouvrant le volume {1}`},
	{`beginning a new database`, `en commençant une base neuve`},
	{`going on with a copy`, `en reprenant une copie`},
	{`copying from volume %d`, `en copiant depuis le volume {1}`},
	{`volume %d, the source of a copy, is no longer in sync`, `le volume {1}, source d'une copie, n'est plus à jour`},
	{`replaying batches %d to %d`, `en rejouant les écritures {1} à {2}`},
	{`reading manifest %d`, `en lisant le manifeste {1}`},
	{`opening manifest %d`, `en ouvrant le manifeste {1}`},
	{`persons decided on another history`, `on a décidé pour une autre histoire`},
	// What a volume finds.
	{`another file system lies at the volume's path`, `un autre système de fichiers est au chemin du volume`},
	{`another process has the volume open`, `un autre processus tient le volume ouvert`},
	{`the volume's file system is mounted read-only`, `le système de fichiers du volume est monté en lecture seule`},
	{`the volume's file system takes no byte`, `le système de fichiers du volume ne prend plus un octet`},
	{`the volume's free space is at its floor`, `la place libre du volume est à son plancher`},
	{`the volume's connection is closed`, `la connexion au volume est fermée`},
	{`the volume cannot say whether it wrote`, `le volume ne peut dire s'il a écrit`},
	{`the volume refused`, `le volume a refusé`},
	{`no valid superblock`, `pas de superbloc valable`},
	{`badger complained`, `la base se plaint`},
	{`tables were not merged`, `des tables n'ont pu être fusionnées`},
	{`committing`, `en confirmant`},
	// Why the mirror takes no writes, or does not open.
	{`%d volumes must be in sync for a write, %d are`, `{1} volumes doivent être à jour pour écrire, {2} le sont`},
	{`the last volume failed`, `le dernier volume est tombé en panne`},
	{`batch %d unanswered for %v`, `écriture {1} sans réponse depuis {2}`},
	{`batch %d was taken after one that was refused`, `l'écriture {1} a été prise après une autre refusée`},
	{`the mirror takes no writes`, `le miroir ne prend pas d'écritures`},
	{`it is closed`, `il est fermé`},
	{`it did not open`, `il ne s'est pas ouvert`},
	{`no volume answers`, `aucun volume ne répond`},
	{`no volume holds the value as it was written`, `aucun volume n'a la valeur telle qu'elle fut écrite`},
	{`is the key right?`, `la clé est-elle la bonne ?`},
	{`the volumes hold different histories`, `les volumes ont des histoires différentes`},
	{`the volumes present are not witnessed as up to date`, `rien n'atteste que les volumes présents sont à jour`},
	{`the volumes are older than the mirror's own record`, `les volumes sont plus anciens que ce que le miroir a inscrit`},
	{`%q belongs to the mirror %s, another volume to %s, and nothing is on record`, `{1} est du miroir {2}, un autre volume de {3}, et rien n'est inscrit`},
	{`%q was put out before epoch %d`, `{1} a été exclu avant l'époque {2}`},
	{`%q was retired`, `{1} a été retiré`},
	{`%q is marked %q`, `{1} porte la marque {2}`},
	{`%q lost the batches after %d of %d`, `{1} a perdu les écritures après la {2}, sur {3}`},
	{`%q is %s`, `{1} est {2}`},
	{`nothing is on record, and %q is not there or was put out`, `rien n'est inscrit, et {1} manque ou a été exclu`},
	{`epoch %d is on record, the best volume present is %q of epoch %d`, `l'époque {1} est inscrite, le meilleur volume présent est {2}, de l'époque {3}`},
	{`epoch %d of the volumes is not the one on record`, `l'époque {1} des volumes n'est pas celle qui est inscrite`},
	{`batch %d %s is on record, the best volume has %d %s`, `l'écriture {1} {2} est inscrite, le meilleur volume en est à {3} {4}`},
	{`the witness knows batch %d of epoch %d, the volumes are at batch %d of epoch %d`, `le témoin connaît l'écriture {1} de l'époque {2}, les volumes en sont à l'écriture {3} de l'époque {4}`},
	{`epoch %d (%s, %d members, from batch %d %s), head %d %s`, `époque {1} ({2}, {3} membres, depuis l'écriture {4} {5}), tête {6} {7}`},
	{`the mirror's own record cannot be read`, `ce que le miroir a inscrit ne se lit pas`},
	{`the mirror's own record in %q is not authentic`, `ce que le miroir a inscrit dans {1} n'est pas authentique`},
	{`the witness does not answer`, `le témoin ne répond pas`},
	{`the witness knows another mirror, %s`, `le témoin connaît un autre miroir, {1}`},
	// What a choice would lose.
	{`nothing that is known`, `rien que l'on sache`},
	{`nothing is on record outside the volumes`, `rien n'est inscrit hors des volumes`},
	{`whatever others may hold that are not here`, `tout ce que d'autres, absents, peuvent contenir`},
	{`whatever was written after that`, `tout ce qui a été écrit après`},
	{`whatever was written after it was retired from the mirror`, `tout ce qui a été écrit depuis qu'il a été retiré du miroir`},
	{`the batches %d to %d, which are on record`, `les écritures {1} à {2}, qui sont inscrites`},
	{`the batches %d to %d, which it had and lost`, `les écritures {1} à {2}, qu'il avait et qu'il a perdues`},
	{`the batches %d to %d, which %q has`, `les écritures {1} à {2}, que {3} a`},
	{`the batches %d to %d as %q has them`, `les écritures {1} à {2} telles que {3} les a`},
	{`batch %d as %q has it, and perhaps some before`, `l'écriture {1} telle que {2} l'a, et peut-être d'autres avant`},
	{`an unknown number of batches written since epoch %d without it`, `un nombre inconnu d'écritures faites sans lui depuis l'époque {1}`},
	{`what it wrote last, of which it could not say whether it is on its disk`, `ce qu'il a écrit en dernier, sans pouvoir dire si c'est sur son disque`},
	{`whatever it had not been given yet`, `tout ce qu'il n'avait pas encore reçu`},
	{`it was being brought up, and mixes batch %d with later ones`, `il était en cours de remise à jour, et mêle l'écriture {1} à de plus récentes`},
	{`all %d batches of %q`, `les {1} écritures de {2}`},
	// Why a snapshot is whole.
	{`the batches after %d are no longer known one by one`, `les écritures après la {1} ne sont plus connues une à une`},
	{`batch %d is not of this history`, `l'écriture {1} n'est pas de cette histoire`},
	{`their histories share nothing`, `leurs histoires n'ont rien en commun`},
}
