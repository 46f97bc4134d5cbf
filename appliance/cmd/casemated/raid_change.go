package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"casemate/appliance/client"
	"casemate/appliance/wire"
	"casemate/appliance/words"
)

// acted is the result of an act on a volume.
type acted struct {
	Act    string          `json:"act"`
	Volume string          `json:"volume"`
	New    string          `json:"new,omitempty"`
	Space  *wire.Reclaimed `json:"space,omitempty"`
}

func raidResilverCommand(o *options) *cobra.Command {
	whole := false
	cmd := describe(&cobra.Command{Use: "resilver VOLUME", Args: exactly(1), RunE: func(cmd *cobra.Command, args []string) error {
		return o.on(cmd, args[0], func(c *client.Client, _ wire.Storage, v wire.Volume) error {
			if err := c.ResilverVolume(cmd.Context(), v.ID, whole); err != nil {
				return err
			}
			return o.tell(cmd, acted{Act: "resilver", Volume: v.ID}, o.t.Resilvering, words.Short(v.ID))
		})
	}}, o.t.Resilver)
	cmd.Flags().BoolVar(&whole, "whole", false, o.t.FlagWhole)
	return cmd
}

func raidReplaceCommand(o *options) *cobra.Command {
	var in wire.ReplaceVolume
	yes := false
	cmd := describe(&cobra.Command{Use: "replace VOLUME NEWDIR", Args: exactly(2), RunE: func(cmd *cobra.Command, args []string) error {
		in.Dir = args[1]
		return o.on(cmd, args[0], func(c *client.Client, s wire.Storage, v wire.Volume) error {
			if err := o.sure(cmd, yes, o.t.SureReplace, words.Short(v.ID), v.Dir, in.Dir); err != nil {
				return err
			}
			id, err := c.ReplaceVolume(cmd.Context(), v.ID, in)
			if err != nil {
				return err
			}
			if err := o.tell(cmd, acted{Act: "replace", Volume: v.ID, New: id}, o.t.Replaced, words.Short(v.ID), words.Short(id)); err != nil {
				return err
			}
			return o.advise(cmd, c, v.ID)
		})
	}}, o.t.Replace)
	cmd.Flags().BoolVar(&in.SameDisk, "same-disk", false, o.t.FlagSameDisk)
	cmd.Flags().BoolVar(&yes, "yes", false, o.t.FlagYes)
	return cmd
}

func raidAddCommand(o *options) *cobra.Command {
	var in wire.NewVolume
	cmd := describe(&cobra.Command{Use: "add DIR", Args: exactly(1), RunE: func(cmd *cobra.Command, args []string) error {
		c, err := o.running()
		if err != nil {
			return err
		}
		defer c.Close()
		in.Dir = args[0]
		id, err := c.AddVolume(cmd.Context(), in)
		if err != nil {
			return o.absent(err)
		}
		sentence := o.t.Added
		if in.Spare {
			sentence = o.t.SpareAdded
		}
		if err := o.tell(cmd, acted{Act: "add", Volume: id}, sentence, words.Short(id)); err != nil {
			return err
		}
		return o.advise(cmd, c, "")
	}}, o.t.Add)
	cmd.Flags().BoolVar(&in.Spare, "spare", false, o.t.FlagSpare)
	cmd.Flags().BoolVar(&in.SameDisk, "same-disk", false, o.t.FlagSameDisk)
	return cmd
}

// advise says what the configuration should say of the folders from now on. The mirror itself knows. A
// volume that was just retired may still be told of while its process ends.
func (o *options) advise(cmd *cobra.Command, c *client.Client, retired string) error {
	s, err := c.Storage(cmd.Context())
	if err != nil || o.json {
		return err
	}
	var dirs []string
	for _, v := range s.Volumes {
		if v.ID != retired || retired == "" {
			dirs = append(dirs, fmt.Sprintf("%q", v.Dir))
		}
	}
	if len(dirs) < 2 {
		return nil // a configuration wants two at least
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), o.t.Write+"\n", strings.Join(dirs, ", "))
	return err
}

func raidRemoveCommand(o *options) *cobra.Command {
	yes := false
	cmd := describe(&cobra.Command{Use: "remove VOLUME", Args: exactly(1), RunE: func(cmd *cobra.Command, args []string) error {
		return o.on(cmd, args[0], func(c *client.Client, _ wire.Storage, v wire.Volume) error {
			if err := o.sure(cmd, yes, o.t.SureRemove, words.Short(v.ID), v.Dir); err != nil {
				return err
			}
			if err := c.RemoveVolume(cmd.Context(), v.ID); err != nil {
				return err
			}
			if err := o.tell(cmd, acted{Act: "remove", Volume: v.ID}, o.t.Removed, words.Short(v.ID)); err != nil {
				return err
			}
			return o.advise(cmd, c, v.ID)
		})
	}}, o.t.Remove)
	cmd.Flags().BoolVar(&yes, "yes", false, o.t.FlagYes)
	return cmd
}

func raidDetachCommand(o *options) *cobra.Command {
	return describe(&cobra.Command{Use: "detach VOLUME", Args: exactly(1), RunE: func(cmd *cobra.Command, args []string) error {
		return o.on(cmd, args[0], func(c *client.Client, _ wire.Storage, v wire.Volume) error {
			if err := c.DetachVolume(cmd.Context(), v.ID); err != nil {
				return err
			}
			return o.tell(cmd, acted{Act: "detach", Volume: v.ID}, o.t.Detached, words.Short(v.ID))
		})
	}}, o.t.Detach)
}

func raidReclaimCommand(o *options) *cobra.Command {
	return describe(&cobra.Command{Use: "reclaim VOLUME", Args: exactly(1), RunE: func(cmd *cobra.Command, args []string) error {
		return o.on(cmd, args[0], func(c *client.Client, _ wire.Storage, v wire.Volume) error {
			got, err := c.ReclaimVolume(cmd.Context(), v.ID)
			if err != nil {
				return err
			}
			return o.tell(cmd, acted{Act: "reclaim", Volume: v.ID, Space: &got}, o.t.Reclaimed, words.Short(v.ID), o.t.size(got.Before), o.t.size(got.After))
		})
	}}, o.t.Reclaim)
}

func raidScrubCommand(o *options) *cobra.Command {
	status := func(cmd *cobra.Command, _ []string) error {
		return o.scrub(cmd, func(ctx context.Context, c *client.Client) error {
			s, err := c.Scrub(ctx)
			if err != nil {
				return err
			}
			if o.json {
				return printJSON(cmd, s)
			}
			p := &printer{t: o.t}
			p.scrub(&s)
			return p.to(cmd.OutOrStdout())
		})
	}
	root := describe(&cobra.Command{Use: "scrub", Args: noArguments, RunE: status}, o.t.Scrub)
	root.AddCommand(
		describe(&cobra.Command{Use: "start", Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
			return o.scrub(cmd, func(ctx context.Context, c *client.Client) error {
				if err := c.StartScrub(ctx); err != nil {
					return err
				}
				return o.tell(cmd, acted{Act: "scrub-start"}, o.t.ScrubStarted)
			})
		}}, o.t.ScrubStart),
		describe(&cobra.Command{Use: "pause", Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error {
			return o.scrub(cmd, func(ctx context.Context, c *client.Client) error {
				if err := c.PauseScrub(ctx); err != nil {
					return err
				}
				return o.tell(cmd, acted{Act: "scrub-pause"}, o.t.ScrubPaused)
			})
		}}, o.t.ScrubPause),
		describe(&cobra.Command{Use: "status", Args: noArguments, RunE: status}, o.t.ScrubStatus))
	return root
}

func (o *options) scrub(cmd *cobra.Command, do func(context.Context, *client.Client) error) error {
	c, err := o.running()
	if err != nil {
		return err
	}
	defer c.Close()
	return o.absent(do(cmd.Context(), c))
}
