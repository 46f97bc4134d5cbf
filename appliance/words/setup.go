package words

// SetupProblems are the words for what keeps a box from being set up, by the codes of package setup. Each
// is followed by its own detail, in brackets.
func SetupProblems(language string) map[string]Said {
	if language == "fr" {
		return setupFrench
	}
	return setupEnglish
}

var setupEnglish = map[string]Said{
	"not-root":      {"setting up the box takes root", "run it as root, or with --prefix DIR for a safe of your own in one folder"},
	"users":         {"the users casemate and casemate-hsm are not there", "install the package casemate-appliance, or use --prefix DIR"},
	"answer":        {"an answer is not what it may be", "correct it; casemate.toml(5) says what each may be"},
	"set-up":        {"something was set up here already", "use what is there; to begin anew, move those folders away yourself: nothing is overwritten"},
	"read-only":     {"a folder of the box cannot be written to", "see how its file system is mounted (mount, dmesg) and whose the folder is"},
	"space":         {"the system's disk is full", "free space there: at least 64 MiB"},
	"entropy":       {"the kernel has no random numbers yet, and keys must not be made without", "wait, or give the machine a source (a hardware generator, or virtio-rng in a virtual machine)"},
	"time":          {"the clock stands where it cannot be", "set the clock (date, chronyc makestep), and see to the battery of the machine"},
	"servers":       {"no time server answers", "see the addresses and the network (UDP port 123); without a network yet: offline = true"},
	"clock":         {"the time servers do not bear the clock out, and with policy refuse nothing would be sealed", "let chrony set the clock first (chronyc waitsync), or choose policy = \"flag\""},
	"authority":     {"the timestamp authority does not answer as it should", "see its address, its policies and its roots, and the network; without a network yet: offline = true"},
	"roots":         {"certificates cannot be read", "PEM, certificates alone: of an authority its roots, as obtained from itself; for backups those of the guide to backups"},
	"ceremony":      {"no key ceremony is held here: what this safe seals will say \"demonstration\"", "if you know that and want it: demonstration = true"},
	"volumes":       {"a safe wants two volumes at least, each with a copy of everything", "name two folders, each where a disk of its own is mounted"},
	"dir":           {"this cannot be the folder of a volume", "name the absolute path of an empty folder, where its disk is mounted"},
	"not-empty":     {"the folder is not empty", "see what it holds; a volume is born in an empty folder, and nothing is overwritten"},
	"inside":        {"the folder lies inside another one of the safe, or around one", "name a folder apart, on a disk of its own"},
	"same-disk":     {"two volumes are on the same disk: lost, it would take both", "give each a disk of its own; if you want it all the same: same_disk = true"},
	"not-mounted":   {"no disk is mounted there: it is the system's own file system", "mount the disk first; if you want it there all the same: same_disk = true"},
	"small":         {"it is too small", "take a larger disk: 512 MiB are the least, and it must hold all that is ever deposited"},
	"locked":        {"the folder cannot be written to", "see how its file system is mounted"},
	"device":        {"this is no disk that can be taken", "lsblk shows the disks of the machine; or mount it yourself and name the folder alone"},
	"device-twice":  {"the same disk is named twice", "name another disk: two copies on one disk are lost together"},
	"device-used":   {"somebody uses this disk", "see lsblk; unmount what is on it, if it is the right one"},
	"device-data":   {"there is data on this disk, and it would be lost", "if it is the right disk and its data may be lost, copy the line erase = \"…\" from here into its answers, exactly"},
	"module":        {"this is no PKCS#11 library that works here", "name the library of the token's vendor for this machine; pkcs11-tool --module FILE -L must list its slots"},
	"token-there":   {"a token of that name is there already", "choose another name, or take a blank token: one that is initialised is never touched"},
	"token-none":    {"no blank token is there", "connect one that was never initialised; with several, name its serial number"},
	"token-refused": {"the token cannot do what is needed", "see what its process said; the token must offer P-256 and P-384 signatures and a way to wrap keys"},
	"pin":           {"the PIN cannot be used", "a file of mode 0600 with one line of 4 to 255 characters, as the token's vendor gives or demands"},
	"persons":       {"nobody would be able to administer the safe", "name at least one person with the role administrator"},
	"person":        {"a person cannot get a certificate", "a name of its own, roles among those listed, and a PKCS #10 request that is whole, or none"},
}

var setupFrench = map[string]Said{
	"not-root":      {"il faut être root pour mettre le coffre en place", "lancez-le en root, ou avec --prefix DIR pour un coffre à vous dans un seul dossier"},
	"users":         {"les utilisateurs casemate et casemate-hsm ne sont pas là", "installez le paquet casemate-appliance, ou prenez --prefix DIR"},
	"answer":        {"une réponse ne convient pas", "corrigez-la ; casemate.toml(5) dit ce que chacune peut être"},
	"set-up":        {"quelque chose a déjà été mis en place ici", "servez-vous de ce qui est là ; pour recommencer, déplacez vous-même ces dossiers : rien n'est écrasé"},
	"read-only":     {"un dossier du coffre ne peut pas être écrit", "voyez comment son système de fichiers est monté (mount, dmesg) et à qui est le dossier"},
	"space":         {"le disque du système est plein", "faites-y de la place : 64 Mio au moins"},
	"entropy":       {"le noyau n'a pas encore de nombres au hasard, et des clés ne se font pas sans", "attendez, ou donnez une source à la machine (un générateur matériel, ou virtio-rng dans une machine virtuelle)"},
	"time":          {"l'horloge est à une date impossible", "mettez-la à l'heure (date, chronyc makestep), et voyez la pile de la machine"},
	"servers":       {"aucun serveur de temps ne répond", "voyez les adresses et le réseau (UDP, port 123) ; s'il n'y a pas encore de réseau : offline = true"},
	"clock":         {"les serveurs de temps ne confirment pas l'horloge, et avec la règle refuse rien ne serait scellé", "laissez d'abord chrony la régler (chronyc waitsync), ou choisissez policy = \"flag\""},
	"authority":     {"l'autorité d'horodatage ne répond pas comme il faut", "voyez son adresse, ses politiques et ses racines, et le réseau ; s'il n'y a pas encore de réseau : offline = true"},
	"roots":         {"des certificats ne se lisent pas", "du PEM, des certificats seuls : d'une autorité ses racines, obtenues d'elle-même ; pour les sauvegardes, ceux du guide des sauvegardes"},
	"ceremony":      {"aucune cérémonie des clés n'est tenue ici : ce que ce coffre scelle dira « démonstration »", "si vous le savez et le voulez : demonstration = true"},
	"volumes":       {"un coffre veut deux volumes au moins, chacun avec une copie de tout", "nommez deux dossiers, chacun là où un disque à lui est monté"},
	"dir":           {"ce ne peut pas être le dossier d'un volume", "donnez le chemin absolu d'un dossier vide, là où son disque est monté"},
	"not-empty":     {"le dossier n'est pas vide", "voyez ce qu'il contient ; un volume naît dans un dossier vide, et rien n'est écrasé"},
	"inside":        {"le dossier est dans un autre du coffre, ou autour", "donnez un dossier à part, sur un disque à lui"},
	"same-disk":     {"deux volumes sont sur le même disque : perdu, il emporterait les deux", "donnez à chacun un disque à lui ; si vous le voulez malgré tout : same_disk = true"},
	"not-mounted":   {"aucun disque n'est monté là : c'est le système de fichiers de la machine", "montez d'abord le disque ; si c'est bien là que vous le voulez : same_disk = true"},
	"small":         {"c'est trop petit", "prenez un plus grand disque : 512 Mio sont le moins, et il doit contenir tout ce qui sera jamais déposé"},
	"locked":        {"le dossier ne peut pas être écrit", "voyez comment son système de fichiers est monté"},
	"device":        {"ce n'est pas un disque qui puisse être pris", "lsblk montre les disques de la machine ; ou montez-le vous-même et ne nommez que le dossier"},
	"device-twice":  {"le même disque est nommé deux fois", "nommez un autre disque : deux copies sur un disque se perdent ensemble"},
	"device-used":   {"quelqu'un se sert de ce disque", "voyez lsblk ; démontez ce qui est dessus, si c'est bien le bon"},
	"device-data":   {"il y a des données sur ce disque, et elles seraient perdues", "si c'est le bon disque et que ses données peuvent être perdues, recopiez la ligne erase = \"…\" d'ici dans ses réponses, exactement"},
	"module":        {"ce n'est pas une bibliothèque PKCS#11 qui marche ici", "nommez celle du fabricant du jeton pour cette machine ; pkcs11-tool --module FILE -L doit en lister les emplacements"},
	"token-there":   {"un jeton de ce nom est déjà là", "choisissez un autre nom, ou prenez un jeton vierge : un jeton initialisé n'est jamais touché"},
	"token-none":    {"aucun jeton vierge n'est là", "branchez-en un qui n'a jamais été initialisé ; s'il y en a plusieurs, nommez son numéro de série"},
	"token-refused": {"le jeton ne sait pas faire ce qu'il faut", "voyez ce qu'a dit son processus ; le jeton doit offrir des signatures P-256 et P-384 et une façon d'envelopper des clés"},
	"pin":           {"le code PIN ne convient pas", "un fichier de droits 0600 avec une ligne de 4 à 255 caractères, comme le fabricant du jeton le donne ou l'exige"},
	"persons":       {"personne ne pourrait administrer le coffre", "nommez au moins une personne avec le rôle administrator"},
	"person":        {"une personne ne peut pas recevoir de certificat", "un nom à elle, des rôles parmi ceux cités, et une demande PKCS #10 entière, ou aucune"},
}
