package words

// Errors are the words of what a command of the box may fail with, by the codes of package appliance.
// English has the errors' own words, and the remedies.
func Errors(language string) map[string]Said {
	if language == "fr" {
		return errorsFrench
	}
	return errorsEnglish
}

const (
	refusedHint   = "nothing was changed; casemated raid decide tells what two officers may decide, and what each choice would lose"
	refusedFrench = "rien n'a été changé ; casemated raid decide dit ce que deux personnes peuvent décider, et ce que chaque choix perdrait"
)

var errorsEnglish = map[string]Said{
	"initialised":       {"", "a second set-up would lose what the first holds: use it, or name other folders in the configuration"},
	"config":            {"", "correct the file, or name another with --config; each key's meaning stands beside it in the message"},
	"backup-none":       {"", "name the folder that `casemated backup` was given"},
	"medium-full":       {"", "what was there before is whole: make room, or take a larger medium; old series may be removed, all files of their numbers together"},
	"medium":            {"", "what was there before is whole as far as the medium is: see that it is mounted and may be written, or take another"},
	"backup-foreign":    {"", "take a backup of this very safe, or the configuration and token of the safe that made it"},
	"recovery-key":      {"", "take the private key of one of the recovery certificates, or the files that openssl opened with it"},
	"recipient":         {"", "write in [backup] recipients a PEM file of certificates with RSA keys of 3072 bits at least"},
	"backup-busy":       {"", "wait for it, or stop its command: then it is given up"},
	"backup-broken":     {"", "take another medium or an earlier number (--number): every file of a backup and of those it stands on is needed as it was written"},
	"drill-failed":      {"", "take a whole backup on another medium (--full) and have it drilled; keep this one until that one passed"},
	"backup-unproved":   {"", "give --digest with the SHA-256 that the backup printed (your book and the journal have it), or start the token's process; with --unproved alone, compare each file before you use it: above all the module of the token, the callers, the access authorities"},
	"still-running":     {"", "stop the safe first: systemctl stop casemate"},
	"volume-there":      {"", "name folders that are empty; what a restoring that was cut off left may be removed"},
	"not-initialised":   {"", "run casemated init with this configuration, or name another with --config"},
	"token-pin":         {"", "put the right PIN into the file or credential; a PIN that was refused is not tried again until it changes"},
	"token-audit":       {"", "a key in the token is not the one of the set-up: do not use this token before two persons have found out why"},
	"token-not-set-up":  {"", "no token of that label was set up for this safe: check [hsm] token, serial and module"},
	"token-away":        {"", "see what the token process says (casemated hsm), and whether the module and the token are there"},
	"fork":              {"", refusedHint},
	"not-witnessed":     {"", refusedHint},
	"rolled-back":       {"", refusedHint},
	"nothing-to-decide": {"", "see casemated raid status"},
	"not-in-sync":       {"", "bring it up first: casemated raid status says how"},
	"unknown-volume":    {"", "casemated raid status shows each volume's identity and folder"},
	"unknown-choice":    {"", "casemated raid decide tells the choices there are now"},
	"no-statement":      {"", "print one first: casemated raid decide CHOICE >decision.txt"},
	"statement-too-old": {"", "print a new one and have it signed again: casemated raid decide CHOICE >decision.txt"},
	"statement-other":   {"", "sign the file as casemated raid decide printed it, byte for byte"},
	"two-persons":       {"", "two officers of the table of callers sign, each with his own certificate and key: nobody signs for another"},
	"officer-revoked":   {"", "an officer whose certificate is in force signs"},
	"not-an-officer":    {"", "the signer must stand in the table of callers with the role officer, by issuer and serial number"},
	"signature":         {"", "sign with: openssl cms -sign -binary -in decision.txt -signer me.crt -inkey me.key -outform DER -out me.p7s"},
	"full":              {"", "free space on the volumes, or raise their size; what was refused was not kept"},
	"read-only":         {"", "one volume is left and does not take writes: see casemated doctor, then replace the other"},
	"volumes-away":      {"", "see casemated raid status: mount the disks of the volumes, and see that nothing else has them open"},
	"integrity":         {"", "do not write any more: run casemated fsck and keep what it says"},
	"time-mark":         {"", "the record of the last attested time is damaged: two persons decide to start without it"},
	"time-went-back":    {"", "the machine's clock is behind what was already attested: correct it, then start again"},
	"broken":            {"", "start it again, once: opening is how it finds out; if it stops again, see casemated raid status"},
	"permission":        {"", "run as root or as the user that the unit file names"},
	"no-such-file":      {"", "see that the file named is there, and its disk mounted"},
}

var errorsFrench = map[string]Said{
	"initialised":       {"un coffre a déjà été installé ici", "une seconde installation perdrait ce que la première contient : servez-vous d'elle, ou nommez d'autres dossiers dans la configuration"},
	"config":            {"la configuration ne convient pas", "corrigez le fichier, ou nommez-en un autre avec --config ; le message dit ce que chaque clé peut être"},
	"backup-none":       {"ce dossier ne contient aucune sauvegarde", "nommez le dossier donné à « casemated backup »"},
	"medium-full":       {"le support n'a pas assez de place", "ce qui s'y trouvait est intact : libérez de la place, ou prenez un support plus grand ; d'anciennes séries peuvent être supprimées, tous les fichiers de leurs numéros ensemble"},
	"medium":            {"le support ne peut être ni écrit ni lu", "ce qui s'y trouvait est intact autant que le support l'est : vérifiez qu'il est monté et permet l'écriture, ou prenez-en un autre"},
	"backup-foreign":    {"cette sauvegarde ne vient pas de ce coffre", "prenez une sauvegarde de ce coffre même, ou la configuration et le jeton du coffre qui l'a faite"},
	"recovery-key":      {"cette clé n'ouvre pas la sauvegarde", "prenez la clé privée d'un des certificats de recouvrement, ou les fichiers qu'openssl a ouverts avec elle"},
	"recipient":         {"ceci ne peut pas être un certificat de recouvrement", "indiquez dans [backup] recipients un fichier PEM de certificats à clé RSA d'au moins 3072 bits"},
	"backup-busy":       {"une sauvegarde ou un exercice est déjà en cours", "attendez sa fin, ou arrêtez sa commande : il est alors abandonné"},
	"backup-broken":     {"la sauvegarde n'est pas telle qu'elle fut écrite", "prenez un autre support ou un numéro antérieur (--number) : il faut chaque fichier d'une sauvegarde et de celles sur lesquelles elle repose, tel qu'il fut écrit"},
	"drill-failed":      {"l'exercice de restauration a échoué", "faites une sauvegarde complète sur un autre support (--full) et un exercice avec elle ; gardez celle-ci jusqu'à ce que l'autre ait réussi"},
	"backup-unproved":   {"rien ne prouve que ce coffre a fait la sauvegarde", "donnez --digest avec le SHA-256 affiché par la sauvegarde (votre registre et le journal l'ont), ou démarrez le processus du jeton ; avec --unproved seul, comparez chaque fichier avant de l'utiliser : surtout le module du jeton, les appelants, les autorités d'accès"},
	"still-running":     {"le coffre fonctionne encore", "arrêtez-le d'abord : systemctl stop casemate"},
	"volume-there":      {"un volume se trouve déjà là", "nommez des dossiers vides ; ce qu'une restauration interrompue a laissé peut être supprimé"},
	"not-initialised":   {"aucun coffre n'est installé ici", "lancez casemated init avec cette configuration, ou nommez-en une autre avec --config"},
	"token-pin":         {"le jeton refuse le code PIN", "mettez le bon code PIN dans le fichier ou le secret ; un code refusé n'est pas réessayé avant d'avoir changé"},
	"token-audit":       {"ce jeton n'est pas celui de l'installation", "une clé du jeton n'est pas celle de l'installation : ne vous servez pas de ce jeton avant que deux personnes aient trouvé pourquoi"},
	"token-not-set-up":  {"aucun jeton n'est installé pour ce coffre", "aucun jeton de ce nom n'a été installé pour ce coffre : voyez [hsm] token, serial et module"},
	"token-away":        {"le jeton ne répond pas", "voyez ce que dit le processus du jeton (casemated hsm), et si le module et le jeton sont là"},
	"fork":              {"les volumes contiennent des histoires différentes", refusedFrench},
	"not-witnessed":     {"les volumes présents ne prouvent pas qu'ils ont tout", refusedFrench},
	"rolled-back":       {"les volumes sont plus anciens que ce qui est connu d'eux", refusedFrench},
	"nothing-to-decide": {"il n'y a rien à décider", "voyez casemated raid status"},
	"not-in-sync":       {"seul un volume à jour peut être contrôlé", "remettez-le d'abord à jour : casemated raid status dit comment"},
	"unknown-volume":    {"il n'y a pas de tel volume", "casemated raid status montre l'identité et le dossier de chaque volume"},
	"unknown-choice":    {"il n'y a pas de tel choix", "casemated raid decide dit les choix qu'il y a maintenant"},
	"no-statement":      {"aucune déclaration n'attend de signature", "imprimez-en une d'abord : casemated raid decide CHOICE >decision.txt"},
	"statement-too-old": {"la déclaration est trop ancienne, ou vient du futur", "imprimez-en une nouvelle et faites-la signer de nouveau : casemated raid decide CHOICE >decision.txt"},
	"statement-other":   {"ce n'est pas une déclaration de ce coffre", "signez le fichier tel que casemated raid decide l'a imprimé, octet pour octet"},
	"two-persons":       {"il faut les signatures de deux personnes différentes", "deux personnes de la table des appelants signent, chacune avec son certificat et sa clé : personne ne signe pour un autre"},
	"officer-revoked":   {"le certificat du signataire est révoqué", "que signe une personne dont le certificat est en vigueur"},
	"not-an-officer":    {"le signataire n'a pas le rôle officer dans ce coffre", "le signataire doit être dans la table des appelants avec le rôle officer, par émetteur et numéro de série"},
	"signature":         {"la signature ne tient pas", "signez par : openssl cms -sign -binary -in decision.txt -signer me.crt -inkey me.key -outform DER -out me.p7s"},
	"full":              {"les volumes sont pleins", "faites de la place sur les volumes, ou agrandissez-les ; ce qui a été refusé n'est pas gardé"},
	"read-only":         {"les volumes n'acceptent plus d'écriture", "il reste un volume et il n'accepte pas d'écriture : voyez casemated doctor, puis remplacez l'autre"},
	"volumes-away":      {"les volumes ne sont pas disponibles", "voyez casemated raid status : montez les disques des volumes, et voyez que rien d'autre ne les tient ouverts"},
	"integrity":         {"des octets gardés ne sont pas ceux qui ont été scellés", "n'écrivez plus : lancez casemated fsck et gardez ce qu'il dit"},
	"time-mark":         {"la marque de la dernière heure attestée est abîmée", "deux personnes décident de démarrer sans elle"},
	"time-went-back":    {"l'horloge est en retard sur ce qui a déjà été attesté", "remettez l'horloge de la machine à l'heure, puis redémarrez"},
	"broken":            {"le coffre s'est arrêté pour trouver ce qui est vrai", "redémarrez-le, une fois : c'est en s'ouvrant qu'il le trouve ; s'il s'arrête encore, voyez casemated raid status"},
	"permission":        {"le système n'en donne pas le droit", "lancez la commande en tant que root, ou que l'utilisateur nommé dans l'unité"},
	"no-such-file":      {"ce fichier n'existe pas", "voyez que le fichier nommé est là, et son disque monté"},
}
