package words

import "casemate/appliance/wire"

// Problems are the words of refusals in a language, by code of package wire. English has none: it
// has the safe's own words.
func Problems(language string) map[string]Said {
	if language == "fr" {
		return french
	}
	return nil
}

var french = map[string]Said{
	wire.CodeNoCertificate:      {"aucun certificat n'est venu avec la demande", "donnez CASEMATE_CERT et CASEMATE_KEY"},
	wire.CodeUnknownAuthority:   {"le certificat vient d'une autorité que ce coffre ne connaît pas", "demandez un certificat à l'administrateur de ce coffre"},
	wire.CodeCertificateExpired: {"le certificat n'est plus valable, ou pas encore", "demandez-en un nouveau à l'administrateur du coffre"},
	wire.CodeCertificateRevoked: {"le certificat est révoqué", "demandez-en un nouveau à l'administrateur du coffre"},
	wire.CodeUnknownCaller:      {"le certificat est bon mais n'a pas de rôle ici", "demandez à l'administrateur du coffre de l'inscrire"},
	wire.CodeForbidden:          {"aucun de vos rôles n'en donne le droit", "demandez ce droit à l'administrateur du coffre"},
	wire.CodeBadRequest:         {"la demande est mal formée", "ce client est-il de la version du coffre ?"},
	wire.CodeQuery:              {"un paramètre de la demande ne convient pas", "« casemate COMMAND --help » dit ce qu'il peut être"},
	wire.CodeBadName:            {"ce nom ne peut pas être gardé", "choisissez-en un autre avec --name, sans caractère de contrôle"},
	wire.CodeMetadata:           {"ces métadonnées ne peuvent pas être gardées", "moins de 32 Kio en tout, en UTF-8"},
	wire.CodeEmpty:              {"aucun fichier n'est venu", "donnez au moins un fichier"},
	wire.CodeIncomplete:         {"l'envoi s'est interrompu ; rien n'est gardé", "déposez de nouveau"},
	wire.CodeTooSlow:            {"l'envoi était trop lent ; rien n'est gardé", "réessayez sur un meilleur réseau"},
	wire.CodeUnknownVault:       {"il n'y a pas de tel compartiment", "« casemate vaults » dit ceux qui vous sont ouverts"},
	wire.CodeUnknownDoc:         {"il n'y a pas de tel document", "« casemate list » dit ceux d'un compartiment"},
	wire.CodeVaultExists:        {"un compartiment porte déjà ce nom", "choisissez-en un autre"},
	wire.CodeTooLarge:           {"la demande est trop grande", "déposez de plus petits fichiers"},
	wire.CodeTooManyFiles:       {"trop de fichiers pour un document", "réunissez-les en une archive"},
	wire.CodeDigestDiffers:      {"les octets ne sont pas ceux annoncés ; rien n'est gardé", "le fichier a-t-il changé, ou l'empreinte est-elle d'un autre ?"},
	wire.CodeInternal:           {"le coffre a failli", "donnez l'incident à l'administrateur du coffre"},
	wire.CodeIntegrity:          {"les octets gardés n'ont tenu sur aucun volume", "prévenez tout de suite l'administrateur du coffre"},
	wire.CodeSealUnavailable:    {"le scellement n'est pas disponible ; rien n'est gardé", "réessayez dans un instant"},
	wire.CodeTimeUntrusted:      {"le coffre n'est pas sûr de l'heure ; rien n'est gardé", "réessayez plus tard, ou prévenez l'administrateur du coffre"},
	wire.CodeStorage:            {"le coffre est plein ou en lecture seule ; rien n'est gardé", "prévenez l'administrateur du coffre"},
	wire.CodeBusy:               {"le coffre sert autant d'appelants qu'il peut ; rien n'a été gardé", "réessayez dans quelques secondes"},
	wire.CodeStopping:           {"le coffre s'arrête", "réessayez dans un instant"},

	wire.CodeBadDir:        {"ce dossier ne peut pas devenir un volume", "donnez le chemin absolu d'un dossier vide, là où le disque est monté"},
	wire.CodeDirNotEmpty:   {"ce dossier n'est pas vide", "un volume naît dans un dossier vide : voyez ce qu'il contient, et n'effacez que ce que vous savez inutile"},
	wire.CodeDirInside:     {"ce dossier est dans un volume, ou en contient un", "donnez un dossier à part, sur un disque à lui"},
	wire.CodeDirLocked:     {"le programme du coffre ne peut pas y écrire", "donnez le dossier à l'utilisateur du coffre et nommez-le dans ReadWritePaths= de son unité, puis redémarrez le service"},
	wire.CodeNotMounted:    {"aucun disque n'est monté là : c'est le système de fichiers de la machine", "montez-y le disque ; si c'est bien là que vous le voulez, --same-disk"},
	wire.CodeSameDisk:      {"un autre volume est déjà sur ce disque : perdu, il en emporterait deux", "prenez un autre disque ; si vous le voulez malgré tout, --same-disk"},
	wire.CodeNoSpace:       {"le disque est trop petit pour ce que les volumes contiennent", "prenez un disque au moins aussi grand que les autres"},
	wire.CodeUnknownVolume: {"il n'y a pas de tel volume", "« casemated raid status » les montre, avec leur identité et leur dossier"},
	wire.CodeNoScrub:       {"aucune relecture n'est en cours", "il n'y a rien à mettre en pause : « casemated raid scrub status » dit quand la prochaine commence"},
	wire.CodeVolumeState:   {"cela ne se peut pas dans l'état présent des volumes", "« casemated raid status » dit cet état et ce qu'il demande"},
}
