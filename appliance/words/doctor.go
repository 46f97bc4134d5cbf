package words

import (
	"fmt"
	"strings"
)

// Doctor is what `casemated doctor` says: the names of what it looks at, its verdicts, and for each
// code a sentence with its remedy. Both take the same values; a remedy picks its own by number, like
// %[1]s.
type Doctor struct {
	Names    map[string]string // of what was looked at; missing: as it is
	Verdicts map[string]string
	Said     map[string]Said
}

// DoctorIn gives the words in a language.
func DoctorIn(language string) *Doctor {
	if language == "fr" {
		return &doctorFrench
	}
	return &doctorEnglish
}

// Say is what is said under a code: the sentence, and the remedy.
func (d *Doctor) Say(code string, values ...any) (detail, remedy string) {
	said := d.Said[code]
	detail, remedy = said.Message, said.Hint
	if n := len(verb.FindAllString(detail, -1)); strings.Contains(detail, "%[") {
		detail = fmt.Sprintf(detail, values...)
	} else {
		detail = fmt.Sprintf(detail, values[:min(n, len(values))]...) // the others are the remedy's
	}
	if strings.Contains(remedy, "%[") {
		remedy = fmt.Sprintf(remedy, values...)
	}
	return detail, remedy
}

var doctorEnglish = Doctor{
	Names: map[string]string{
		"keys": "keys", "set-up": "set-up", "secrets": "secrets", "mirror": "mirror", "volume": "volume", "drive": "drive",
		"scrub": "scrub", "backup": "backup", "drill": "drill", "token": "token", "clock": "clock", "authority": "authority", "callers": "callers",
		"safe": "safe", "permissions": "permissions", "space": "space", "mount": "mount", "certificates": "certificates", "entropy": "entropy",
		"kernel": "kernel", "swap": "swap", "monitor": "monitor",
	},
	Verdicts: map[string]string{"good": "good", "warn": "warn", "bad": "bad"},
	Said: map[string]Said{
		"keys-demonstration": {"demonstration: no key ceremony was held", "hold a ceremony before anything of value is deposited"},
		"keys-ceremony":      {"set up by a ceremony", ""},
		"set-up":             {"%d copies of the volumes' wrapped key", ""},
		"set-up-none":        {"no safe was set up here", "run casemated init"},
		"set-up-copies":      {"%d of %d copies of the volumes' wrapped key are missing", "copy volumes.key from one of the others: %[3]s"},
		"secrets":            {"%s is its owner's alone", ""},
		"secrets-missing":    {"%s cannot be looked at: %v", "put the PIN there, mode 0600, or leave pin_file out and let it be encrypted: casemated hsm pin"},
		"secrets-open":       {"%s can be read by others", "chmod 0600 %[1]s"},
		"pin-plain":          {"the token's PIN lies in plain in %s", "casemated hsm pin --encrypt"},
		"reach-missing":      {"%s does not have what the configuration names: the service may not be let to it", "casemated reach"},
		"pin-unit":           {"%s has the token's process wait for a PIN in plain, which is not there", "casemated hsm pin --encrypt takes it away"},
		"pin-none":           {"no PIN for the token lies in %s", "casemated hsm pin"},
		"pin-no-credential":  {"what lies in %s is no encrypted credential", "casemated hsm pin"},
		"pin-closed":         {"%s is root's alone", ""},
		"pin-host":           {"the PIN in %s is encrypted with this machine's key, on the same disk: whoever has the disk has both", ""},
		"pin-host-only":      {"this machine has a TPM, and the PIN in %s is encrypted with the key on the disk alone", "apt-get install libtss2-esys-3.0.2-0 libtss2-mu0 libtss2-rc0; then: systemd-creds decrypt --name=pin %[1]s - | casemated hsm pin"},
		"pin-tpm2":           {"the PIN in %s is encrypted with this machine's TPM", ""},
		"pin-host+tpm2":      {"the PIN in %s is encrypted with this machine's TPM and its own key", ""},
		"pin-unknown":        {"the PIN in %s is encrypted with a key that this program does not know", ""},

		"backup-not-set-up": {"no recovery certificate is named: no backup can be taken", "name one in [backup] recipients; the guide to backups says how it is made"},
		"backup-not-asked":  {"not asked: the safe does not run", ""},
		"backup-never":      {"none was ever taken", "casemated backup DIR"},
		"backup-old":        {"the last is of %s", "casemated backup DIR"},
		"backup":            {"the last is of %s", ""},
		"drill-never":       {"no backup was ever proved to restore", "casemated backup drill DIR"},
		"drill-failed":      {"the last, of %s, failed: %s", "take a whole backup on another medium (--full) and have it drilled"},
		"drill-old":         {"the last is of %s", "casemated backup drill DIR"},
		"drill":             {"the last is of %s, and the backup restored", ""},

		"mirror-volume":   {"volume %s in %s is %s: %s", "%[5]s"},
		"scrub-never":     {"never finished yet", ""},
		"scrub":           {"last finished %s", ""},
		"scrub-findings":  {"last finished %s, %d findings stand", "its report %[3]s says what to do with each"},
		"scrub-late":      {"the next is late; the last finished %s", "let it run: casemated raid scrub start; raise [scrub] rate if it cannot keep up"},
		"volume":          {"%s: %d MiB free; %s on %s, mounted on %s", ""},
		"volume-gone":     {"%s: %v", "mount it; if its disk is lost: casemated raid replace"},
		"volume-low":      {"%s: %d MiB free; %s on %s, mounted on %s", "make it larger: deposits are refused when min_free is reached"},
		"volume-readonly": {"%s: mounted read-only; %[3]s on %[4]s, mounted on %[5]s", "see why (dmesg), then mount it for writing"},
		"volume-same":     {"%s is on the same device as %s", "give each volume a disk of its own: now one dead disk loses both"},
		"volume-system":   {"%s is on the system's own file system", "is its disk mounted? A volume wants a disk of its own"},
		"drive":           {"%s: %s", ""},
		"drive-failing":   {"%s: %s", "replace it now: casemated raid replace"},
		"drive-warning":   {"%s: %s", "have a new disk ready, or add it as a spare: casemated raid add --spare"},

		"token":             {"%s %s, serial %s, %d keys audited, keys wrapped by %s", ""},
		"token-with-daemon": {"its process runs with the daemon, which is not running", "start casemated serve"},
		"token-error":       {"%v", "%[2]s"},
		"token-certificate": {"%s certificate %q ends on %s", "renew it in a ceremony before that day"},

		"clock":               {"trusted: offset %v, distance %v, stratum %d", ""},
		"clock-error":         {"%v", "see whether chrony runs, and what it says"},
		"clock-undisciplined": {"the kernel's clock is not disciplined", "run chrony against trusted servers"},
		"clock-settings":      {"%v", "correct [clock]"},
		"clock-servers":       {"%v", "check [clock] servers and the network to them"},
		"clock-untrusted":     {"not trusted: %s", "four independent servers are wanted; attestations say that the time is not trusted"},

		"authority":       {"%s: answered at %s, policy %s", ""},
		"authority-roots": {"%v", "put the authority's roots there, obtained from the authority itself"},
		"authority-away":  {"%s: %v", "deposits go on and stay provisional until an authority answers"},
		"callers":         {"the table of callers is well-formed", ""},
		"callers-error":   {"%v", "correct the table of callers"},

		"safe-ready":        {"it runs and takes deposits", ""},
		"safe-stopped":      {"it does not run, or does not answer", "systemctl start casemate, or casemated serve"},
		"safe-reason":       {"it takes no deposit: %s (%s)", "%[3]s"},
		"permissions":       {"%d files and folders are closed to others", ""},
		"permissions-open":  {"%s has the mode %s: others may read it, or write it", "chmod g-w,o-rwx %[1]s"},
		"permissions-owner": {"%s belongs to another user than %s, where it lies", "chown -R --reference=%[2]s %[1]s"},
		"secrets-left":      {"%s still stands on the box", "write it down or hand it over, as the set-up said, then delete it"},
		"space":             {"%s: %d MiB and %d %% of the inodes free", ""},
		"space-low":         {"%s: %d MiB and %d %% of the inodes free", "free space there: what the safe must remember stands in it"},
		"space-error":       {"%s: %v", "see whether the folder is there, and whose it is"},
		"mount-memory":      {"%s lies in memory: it is lost with the next start", "mount a disk there"},
		"mount-unlisted":    {"%s is mounted, and neither fstab nor a unit says that it will be after the next start", "add it to /etc/fstab, with the option nofail"},
		"certificates":      {"%d certificates of authorities, and none of them ends within 60 days", ""},
		"certificate-ends":  {"%q in %s ends on %s", "have a new one put there before that day, beside the old one"},
		"certificate-ended": {"%q in %s ended on %s", "have a new one put there, beside the old one"},
		"entropy":           {"the kernel's random numbers are seeded", ""},
		"entropy-none":      {"the kernel has no random numbers yet", "give the machine a source: a hardware generator, or virtio-rng in a virtual machine"},
		"kernel":            {"%d settings are as the package wants them", ""},
		"kernel-other":      {"laxer than the package wants them (in brackets): %s", "sysctl --system; what in /etc/sysctl.d says otherwise wins"},
		"swap-open":         {"%s is swap, and not encrypted: keys of open vaults may come to lie there", "swapoff -a and take it out of fstab, or encrypt it"},
		"monitor-open":      {"/metrics answers on %s, to whoever reaches it", "let only the monitor reach it (nftables), or listen on 127.0.0.1"},
	},
}

var doctorFrench = Doctor{
	Names: map[string]string{
		"keys": "clés", "set-up": "installation", "secrets": "secrets", "mirror": "miroir", "volume": "volume", "drive": "disque",
		"scrub": "relecture", "backup": "sauvegarde", "drill": "exercice", "token": "jeton", "clock": "heure", "authority": "autorité", "callers": "appelants",
		"safe": "coffre", "permissions": "droits", "space": "place", "mount": "montage", "certificates": "certificats", "entropy": "hasard",
		"kernel": "noyau", "swap": "échange", "monitor": "veille",
	},
	Verdicts: map[string]string{"good": "bon", "warn": "à voir", "bad": "mauvais"},
	Said: map[string]Said{
		"keys-demonstration": {"démonstration : aucune cérémonie des clés n'a été tenue", "tenez une cérémonie avant de déposer quoi que ce soit de précieux"},
		"keys-ceremony":      {"établies par une cérémonie", ""},
		"set-up":             {"%d copies de la clé enveloppée des volumes", ""},
		"set-up-none":        {"aucun coffre n'est installé ici", "lancez casemated init"},
		"set-up-copies":      {"il manque %d des %d copies de la clé enveloppée des volumes", "copiez volumes.key d'une des autres : %[3]s"},
		"secrets":            {"%s n'est qu'à son propriétaire", ""},
		"secrets-missing":    {"%s ne peut pas être examiné : %v", "mettez-y le code PIN, droits 0600, ou ôtez pin_file et faites-le chiffrer : casemated hsm pin"},
		"secrets-open":       {"%s peut être lu par d'autres", "chmod 0600 %[1]s"},
		"pin-plain":          {"le code PIN du jeton est en clair dans %s", "casemated hsm pin --encrypt"},
		"reach-missing":      {"%s n'a pas ce que nomme la configuration : le service pourrait ne pas y être admis", "casemated reach"},
		"pin-unit":           {"%s fait attendre au processus du jeton un code en clair, qui n'est pas là", "casemated hsm pin --encrypt l'ôte"},
		"pin-none":           {"aucun code PIN du jeton n'est dans %s", "casemated hsm pin"},
		"pin-no-credential":  {"ce qui est dans %s n'est pas un secret chiffré", "casemated hsm pin"},
		"pin-closed":         {"%s est à root seul", ""},
		"pin-host":           {"le code PIN dans %s est chiffré avec la clé de cette machine, sur le même disque : qui a le disque a les deux", ""},
		"pin-host-only":      {"cette machine a un TPM, et le code PIN dans %s n'est chiffré qu'avec la clé qui est sur le disque", "apt-get install libtss2-esys-3.0.2-0 libtss2-mu0 libtss2-rc0 ; puis : systemd-creds decrypt --name=pin %[1]s - | casemated hsm pin"},
		"pin-tpm2":           {"le code PIN dans %s est chiffré avec le TPM de cette machine", ""},
		"pin-host+tpm2":      {"le code PIN dans %s est chiffré avec le TPM de cette machine et sa propre clé", ""},
		"pin-unknown":        {"le code PIN dans %s est chiffré avec une clé que ce programme ne connaît pas", ""},

		"backup-not-set-up": {"aucun certificat de recouvrement n'est nommé : aucune sauvegarde n'est possible", "nommez-en un dans [backup] recipients ; le guide des sauvegardes dit comment le faire"},
		"backup-not-asked":  {"non demandé : le coffre ne fonctionne pas", ""},
		"backup-never":      {"aucune n'a jamais été faite", "casemated backup DIR"},
		"backup-old":        {"la dernière est du %s", "casemated backup DIR"},
		"backup":            {"la dernière est du %s", ""},
		"drill-never":       {"aucune sauvegarde n'a encore été restaurée pour preuve", "casemated backup drill DIR"},
		"drill-failed":      {"le dernier, du %s, a échoué : %s", "faites une sauvegarde complète sur un autre support (--full) et un exercice avec elle"},
		"drill-old":         {"le dernier est du %s", "casemated backup drill DIR"},
		"drill":             {"le dernier est du %s, et la sauvegarde s'est restaurée", ""},

		"mirror-volume":   {"le volume %s dans %s est %s : %s", "%[5]s"},
		"scrub-never":     {"aucune n'a encore abouti", ""},
		"scrub":           {"la dernière a fini le %s", ""},
		"scrub-findings":  {"la dernière a fini le %s, %d constats subsistent", "son rapport %[3]s dit que faire de chacun"},
		"scrub-late":      {"la prochaine est en retard ; la dernière a fini le %s", "laissez-la aller : casemated raid scrub start ; augmentez [scrub] rate si elle ne suit pas"},
		"volume":          {"%s : %d Mio libres ; %s sur %s, monté sur %s", ""},
		"volume-gone":     {"%s : %v", "montez-le ; si son disque est perdu : casemated raid replace"},
		"volume-low":      {"%s : %d Mio libres ; %s sur %s, monté sur %s", "agrandissez-le : les dépôts sont refusés quand min_free est atteint"},
		"volume-readonly": {"%s : monté en lecture seule ; %[3]s sur %[4]s, monté sur %[5]s", "voyez pourquoi (dmesg), puis montez-le en écriture"},
		"volume-same":     {"%s est sur le même disque que %s", "donnez à chaque volume un disque à lui : un seul disque mort emporterait les deux"},
		"volume-system":   {"%s est sur le système de fichiers de la machine", "son disque est-il monté ? Un volume veut un disque à lui"},
		"drive":           {"%s : %s", ""},
		"drive-failing":   {"%s : %s", "remplacez-le tout de suite : casemated raid replace"},
		"drive-warning":   {"%s : %s", "tenez un disque neuf prêt, ou ajoutez-le en réserve : casemated raid add --spare"},

		"token":             {"%s %s, numéro de série %s, %d clés contrôlées, clés enveloppées par %s", ""},
		"token-with-daemon": {"son processus tourne avec le coffre, qui ne tourne pas", "démarrez casemated serve"},
		"token-error":       {"%v", "%[2]s"},
		"token-certificate": {"le certificat %s %q s'achève le %s", "renouvelez-le par une cérémonie avant ce jour"},

		"clock":               {"sûre : écart %v, distance %v, strate %d", ""},
		"clock-error":         {"%v", "voyez si chrony tourne, et ce qu'il dit"},
		"clock-undisciplined": {"l'horloge du noyau n'est pas tenue à l'heure", "faites tourner chrony sur des serveurs sûrs"},
		"clock-settings":      {"%v", "corrigez [clock]"},
		"clock-servers":       {"%v", "voyez [clock] servers, et le réseau jusqu'à eux"},
		"clock-untrusted":     {"pas sûre : %s", "il faut quatre serveurs indépendants ; les attestations disent que l'heure n'est pas sûre"},

		"authority":       {"%s : a répondu à %s, politique %s", ""},
		"authority-roots": {"%v", "mettez-y les racines de l'autorité, obtenues d'elle-même"},
		"authority-away":  {"%s : %v", "les dépôts continuent, provisoires jusqu'à ce qu'une autorité réponde"},
		"callers":         {"la table des appelants est bien formée", ""},
		"callers-error":   {"%v", "corrigez la table des appelants"},

		"safe-ready":        {"il tourne et reçoit les dépôts", ""},
		"safe-stopped":      {"il ne tourne pas, ou ne répond pas", "systemctl start casemate, ou casemated serve"},
		"safe-reason":       {"il ne reçoit aucun dépôt : %s (%s)", "%[3]s"},
		"permissions":       {"%d fichiers et dossiers sont fermés aux autres", ""},
		"permissions-open":  {"%s a les droits %s : d'autres peuvent le lire, ou l'écrire", "chmod g-w,o-rwx %[1]s"},
		"permissions-owner": {"%s est à un autre utilisateur que %s, où il se trouve", "chown -R --reference=%[2]s %[1]s"},
		"secrets-left":      {"%s est toujours sur la machine", "recopiez-le ou remettez-le, comme la mise en place l'a dit, puis effacez-le"},
		"space":             {"%s : %d Mio et %d %% des inodes libres", ""},
		"space-low":         {"%s : %d Mio et %d %% des inodes libres", "faites-y de la place : ce que le coffre doit retenir s'y trouve"},
		"space-error":       {"%s : %v", "voyez si le dossier est là, et à qui il est"},
		"mount-memory":      {"%s est en mémoire : il est perdu au prochain démarrage", "montez-y un disque"},
		"mount-unlisted":    {"%s est monté, et ni fstab ni une unité ne disent qu'il le sera au prochain démarrage", "ajoutez-le à /etc/fstab, avec l'option nofail"},
		"certificates":      {"%d certificats d'autorités, dont aucun ne s'achève dans les 60 jours", ""},
		"certificate-ends":  {"%q dans %s s'achève le %s", "faites-en mettre un nouveau avant ce jour, à côté de l'ancien"},
		"certificate-ended": {"%q dans %s s'est achevé le %s", "faites-en mettre un nouveau, à côté de l'ancien"},
		"entropy":           {"les nombres au hasard du noyau sont amorcés", ""},
		"entropy-none":      {"le noyau n'a pas encore de nombres au hasard", "donnez une source à la machine : un générateur matériel, ou virtio-rng dans une machine virtuelle"},
		"kernel":            {"%d réglages sont comme le paquet les veut", ""},
		"kernel-other":      {"plus lâches que le paquet ne les veut (entre parenthèses) : %s", "sysctl --system ; ce qui dit autre chose dans /etc/sysctl.d l'emporte"},
		"swap-open":         {"%s est un espace d'échange non chiffré : des clés de compartiments ouverts peuvent s'y retrouver", "swapoff -a et ôtez-le de fstab, ou chiffrez-le"},
		"monitor-open":      {"/metrics répond sur %s, à qui peut l'atteindre", "ne laissez que la surveillance l'atteindre (nftables), ou écoutez sur 127.0.0.1"},
	},
}
